"""Imports a package that it doesn't depend on."""

from packaging.version import Version


def work(*words: str) -> int:
    """Compare versions."""
    print("done", Version("1.2") < Version("1.10"), *words)
    return 0
