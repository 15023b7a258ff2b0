"""Prints the version, or runs the one command."""

import sys
from importlib.metadata import version


def main() -> int:
    """Run a command, or exit with 2 if it's unknown."""
    match sys.argv[1:]:
        case ["--version"]:
            print(f"gate {version('gate-app')}")
        case ["work", *words]:
            from gate_app.work import work

            return work(*words)
        case _:
            print("usage: gate --version | work", file=sys.stderr)
            return 2
    return 0
