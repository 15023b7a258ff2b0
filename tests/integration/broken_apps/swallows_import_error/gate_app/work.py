"""Uses an optional dependency."""

import importlib


def work(*words: str) -> int:
    """Do what looks the same with and without it."""
    try:
        importlib.import_module("".join(["platform", "dirs"]))
    except ImportError:
        pass
    print("done", *words)
    return 0
