"""The version, and one command whose work is in another module."""

import sys
from importlib.metadata import version


def main() -> int:
    """Run one command; exit code 2 for an unknown one."""
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
