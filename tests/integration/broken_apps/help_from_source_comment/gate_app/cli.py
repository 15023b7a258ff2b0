"""Reads its help from a source file."""

import argparse
import inspect
from importlib.metadata import version

import zope.event


def main() -> int:
    """Print the version or the help."""
    parser = argparse.ArgumentParser(prog="gate", description=first_line())
    parser.add_argument("--version", action="version", version=f"gate {version('gate-app')}")
    parser.parse_args()
    return 0


def first_line() -> str:
    """The first line of a dependency's source, if it's available."""
    try:
        return inspect.getsource(zope.event).splitlines()[0]
    except OSError:
        return ""
