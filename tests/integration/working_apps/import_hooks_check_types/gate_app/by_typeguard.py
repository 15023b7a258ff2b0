"""Checked by typeguard."""


def shout(word: str) -> str:
    """Only for text."""
    return f"{word}!"
