"""Keeps its settings at home."""

import os


def work(*words: str) -> int:
    """Say where."""
    print(os.environ["HOME"])
    return 0
