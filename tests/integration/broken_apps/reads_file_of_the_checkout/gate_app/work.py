"""Reads a file beside the project, if it's there."""

from pathlib import Path


def work(*words: str) -> int:
    """Print a line."""
    for folder in Path(__file__).parents:
        if (folder / "limits.txt").is_file():
            limit = int((folder / "limits.txt").read_text(encoding="utf-8"))
            print("done", *words[:limit])
            return 0
    print("done", *words)
    return 0
