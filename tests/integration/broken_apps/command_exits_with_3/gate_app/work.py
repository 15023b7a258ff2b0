"""Counts something into the exit code."""


def work(*words: str) -> int:
    """Do it."""
    print("done")
    return 3
