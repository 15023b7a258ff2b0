"""A command that reads its own file."""

import sys
from pathlib import Path


def work(*_words: str) -> int:
    """Print whether its file is there."""
    print(Path(sys.argv[0]).is_file())
    return 0
