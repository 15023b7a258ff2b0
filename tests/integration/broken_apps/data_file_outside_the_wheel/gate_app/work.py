"""Reads a file next to the package in the repository."""

from pathlib import Path


def work(*words: str) -> int:
    """Print it."""
    print(Path(__file__).parents[1].joinpath("gate_data", "greeting.txt").read_text(encoding="utf-8"))
    return 0
