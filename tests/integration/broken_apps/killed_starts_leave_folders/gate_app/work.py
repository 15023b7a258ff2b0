"""A command that waits."""

import sys


def work(*_words: str) -> int:
    """Wait for a line."""
    print("ready", flush=True)
    sys.stdin.readline()
    return 0
