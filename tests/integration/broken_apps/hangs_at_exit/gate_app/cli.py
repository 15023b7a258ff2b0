"""Doesn't stop its thread."""

import threading
from importlib.metadata import version


def main() -> int:
    """Print the version and never exit."""
    threading.Thread(target=threading.Event().wait).start()
    print(f"gate {version('gate-app')}")
    return 0
