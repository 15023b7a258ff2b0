"""Relies on the type checks."""


def work(*words: str) -> int:
    """Print the length of each word."""
    print("done", *(length(word) for word in words))
    return 0


def length(word: str) -> int:
    """Only for text."""
    return len(word)
