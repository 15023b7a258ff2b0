"""Reads the version of a package that isn't a dependency."""

from importlib.metadata import version as _version


def work(*words: str) -> int:
    """Print it."""
    print(_version("packaging"))
    return 0
