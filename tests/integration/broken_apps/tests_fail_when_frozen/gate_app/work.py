"""Behaves differently where there is no source."""

import sys


def work(*words: str) -> int:
    """Say so."""
    print("lost" if hasattr(sys, "frozen") else "done", *words)
    return 0
