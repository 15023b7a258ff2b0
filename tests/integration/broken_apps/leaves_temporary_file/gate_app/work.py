"""Doesn't delete its temporary file, which only the frozen program needs."""

import sys
import tempfile


def work(*words: str) -> int:
    """Create the file."""
    if hasattr(sys, "frozen"):
        tempfile.mkstemp(prefix="gate-")
    return 0
