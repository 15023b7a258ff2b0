"""Imports what no analysis can see."""

import importlib


def work(*words: str) -> int:
    """Import a backend by its name."""
    return 0 if importlib.import_module("".join(["platform", "dirs"])).user_data_dir("gate") else 1
