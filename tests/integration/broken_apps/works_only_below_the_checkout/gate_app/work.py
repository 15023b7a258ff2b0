"""Reads its settings from the nearest pyproject.toml."""

import sys
from pathlib import Path


def work(*words: str) -> int:
    """Print the settings' size."""
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if (folder / "pyproject.toml").is_file()), None)
    if found is None:
        sys.exit("no pyproject.toml here or above")
    print("done", (found / "pyproject.toml").stat().st_size > 0)
    return 0
