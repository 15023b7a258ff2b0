"""Logs to the working directory."""

from pathlib import Path


def work(*words: str) -> int:
    """Write the log."""
    Path("gate.log").write_text("done", encoding="utf-8")
    return 0
