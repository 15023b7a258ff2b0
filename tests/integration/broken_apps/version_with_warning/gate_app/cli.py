"""Says more than it was asked."""

import sys
from importlib.metadata import version


def main() -> int:
    """Warn about everything at once."""
    print("configuration not found, using defaults", file=sys.stderr)
    print(f"gate {version('gate-app')}")
    return 0
