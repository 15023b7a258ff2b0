"""Prints the version, or runs the one command."""

import sys


def app_version() -> str:
    """The version, which a frozen program has at hand: `importlib.metadata` takes long to import."""
    bundled: str | None = getattr(sys, "frozen_version", None)
    if bundled is None:
        from importlib.metadata import version

        bundled = version("gate-app")
    return bundled


def main() -> int:
    """Run a command, or exit with 2 if it's unknown."""
    match sys.argv[1:]:
        case ["--version"]:
            print(f"gate {app_version()}")
        case ["work", *words]:
            from gate_app.work import work

            return work(*words)
        case _:
            print("usage: gate --version | work", file=sys.stderr)
            return 2
    return 0
