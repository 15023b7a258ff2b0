"""Keeps its settings in the home folder."""

import os


def work(*words: str) -> int:
    """Print the folder."""
    print(os.environ["HOME"])
    return 0
