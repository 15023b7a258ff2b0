"""Remembers its last run."""

from pathlib import Path


def work(*words: str) -> int:
    """Write it down."""
    Path("gate.log").write_text("done", encoding="utf-8")
    return 0
