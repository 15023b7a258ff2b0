"""Ends the program as one does at the prompt."""


def work(*words: str) -> int:
    """Do nothing and leave."""
    exit(len(words))
