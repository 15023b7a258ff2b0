"""Checked by the app's own hook."""


def shout(word: str) -> str:
    """Only for text."""
    return f"{word}!"
