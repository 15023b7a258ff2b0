"""Looks up programs on the PATH."""

import os


def work(*words: str) -> int:
    """Print the folders."""
    print(os.environ["PATH"].split(os.pathsep))
    return 0
