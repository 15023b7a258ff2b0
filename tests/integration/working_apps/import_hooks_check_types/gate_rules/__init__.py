"""A top-level package that is checked itself."""


def shout(word: str) -> str:
    """Only for text."""
    return f"{word}!"
