"""Doesn't delete its temporary file."""

import tempfile


def work(*words: str) -> int:
    """Create the file."""
    tempfile.mkstemp(prefix="gate-")
    return 0
