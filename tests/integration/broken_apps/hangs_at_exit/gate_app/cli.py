"""Leaves a thread behind."""

import threading
from importlib.metadata import version


def main() -> int:
    """Print the version and never end."""
    threading.Thread(target=threading.Event().wait).start()
    print(f"gate {version('gate-app')}")
    return 0
