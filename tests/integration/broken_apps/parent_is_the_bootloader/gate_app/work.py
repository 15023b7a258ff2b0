"""A command that tells who started it."""

import os


def work(*_words: str) -> int:
    """Print the id of the parent process."""
    print(os.getppid())
    return 0
