"""Hardcodes its version."""

import sys


def main() -> int:
    """Print it."""
    print("gate 1.2.0")
    return 0 if sys.argv[1:] == ["--version"] else 2
