"""What a broken app does differently."""

import sys
from pathlib import Path


def work(*words: str) -> int:
    """Keep a log beside the program."""
    Path(sys.executable).with_name("gate.log").write_text("done")
    print("done", *words)
    return 0
