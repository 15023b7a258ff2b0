"""Checked by beartype, by its name."""


def shout(word: str) -> str:
    """Only for text."""
    return f"{word}!"
