"""Checked by beartype, with its package."""


def shout(word: str) -> str:
    """Only for text."""
    return f"{word}!"
