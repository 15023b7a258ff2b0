"""A command that imports a module of the standard library by a name from its configuration."""

import importlib


def work(*words: str) -> int:
    """Import the module."""
    importlib.import_module("".join(["wa", "ve"]))
    print("done", *words)
    return 0
