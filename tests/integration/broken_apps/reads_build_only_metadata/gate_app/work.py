"""Asks for the version of something that is there on the developer's machine."""

from importlib.metadata import version as _version


def work(*words: str) -> int:
    """Print it."""
    print(_version("packaging"))
    return 0
