"""Behaves differently when frozen."""

import sys


def work(*words: str) -> int:
    """Print whether this is frozen."""
    print("lost" if hasattr(sys, "frozen") else "done", *words)
    return 0
