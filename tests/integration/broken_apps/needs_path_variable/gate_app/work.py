"""Looks for programs itself."""

import os


def work(*words: str) -> int:
    """Say where."""
    print(os.environ["PATH"].split(os.pathsep))
    return 0
