"""Checked by jaxtyping."""


def shout(word: str) -> str:
    """Only for text."""
    return f"{word}!"
