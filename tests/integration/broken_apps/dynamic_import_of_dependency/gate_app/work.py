"""Imports a module that static analysis can't see."""

import importlib


def work(*words: str) -> int:
    """Import a dependency by name."""
    return 0 if importlib.import_module("".join(["platform", "dirs"])).user_data_dir("gate") else 1
