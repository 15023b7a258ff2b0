"""A command whose C library starts a program."""

import ctypes


def work(*_words: str) -> int:
    """Print the environment of the program."""
    return int(ctypes.CDLL(None).system(b"env"))
