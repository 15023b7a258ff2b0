"""Writes a file for a moment and forgets it."""

import tempfile


def work(*words: str) -> int:
    """Leave it."""
    tempfile.mkstemp(prefix="gate-")
    return 0
