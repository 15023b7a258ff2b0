"""A command that leaves a process behind."""

import os
import sys
from importlib.metadata import metadata


def work(*_words: str) -> int:
    """Fork twice; the last process reads a file of the bundle when a line comes in."""
    if os.fork():
        print("started")
        return 0
    os.setsid()
    if os.fork():
        os._exit(0)
    sys.stdin.readline()
    print(metadata("gate-app")["Name"])
    return 0
