"""A module whose import takes a moment."""

import sys
import threading
from importlib.metadata import version

if sys.argv[1:] == ["work"]:
    print("importing", flush=True)
    threading.Event().wait(30)


def main() -> int:
    """Print the version."""
    print(f"gate {version('gate-app')}")
    return 0
