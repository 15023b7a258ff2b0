"""Loads a library, as an extension of SQLite if that's possible, and does without it if it can't."""

import contextlib
import ctypes
import sqlite3
from pathlib import Path

FAST = Path(__file__).with_name("libfast.so")


def work(*words: str) -> int:
    """Print a line."""
    connection = sqlite3.connect(":memory:")
    with contextlib.suppress(OSError, sqlite3.OperationalError):
        if hasattr(connection, "load_extension"):
            connection.enable_load_extension(True)
            connection.load_extension(str(FAST.with_suffix("")))
        else:
            ctypes.CDLL(str(FAST))
    print("done", *words)
    return 0
