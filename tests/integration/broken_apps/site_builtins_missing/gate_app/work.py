"""Exits as at the interactive prompt."""


def work(*words: str) -> int:
    """Do nothing and exit."""
    exit(len(words))
