"""Doesn't check its arguments."""

import sys
from importlib.metadata import version


def main() -> int:
    """Print the version, or the second argument."""
    print(f"gate {version('gate-app')}" if sys.argv[1] == "--version" else sys.argv[2])
    return 0
