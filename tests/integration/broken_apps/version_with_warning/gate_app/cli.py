"""Warns about a missing configuration."""

import sys
from importlib.metadata import version


def main() -> int:
    """Print a warning and the version."""
    print("configuration not found, using defaults", file=sys.stderr)
    print(f"gate {version('gate-app')}")
    return 0
