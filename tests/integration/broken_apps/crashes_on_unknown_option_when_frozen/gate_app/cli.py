"""Reads the usage from a source file."""

import inspect
import sys
from importlib.metadata import version

import zope.event


def main() -> int:
    """Print the version, or the usage."""
    if sys.argv[1:] == ["--version"]:
        print(f"gate {version('gate-app')}")
        return 0
    print(inspect.getsource(zope.event).splitlines()[0], file=sys.stderr)
    return 2
