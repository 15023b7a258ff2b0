"""A command that becomes another user."""

import os
from importlib.metadata import metadata


def work(*_words: str) -> int:
    """Give up the rights of root, then read a file of the bundle."""
    os.setuid(65534)
    print(metadata("gate-app")["Name"])
    return 0
