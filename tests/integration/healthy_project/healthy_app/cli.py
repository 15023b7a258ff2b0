"""One command for each feature that freezing tends to break."""

import argparse
from importlib.metadata import version

from healthy_app import features, processes


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="healthy", description="Uses everything that's hard to freeze.")
    parser.add_argument("--version", action="version", version=f"healthy {version('healthy-app')}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in {**features.COMMANDS, **processes.COMMANDS}.items():
        commands.add_parser(name, help=function.__doc__).set_defaults(run=function)
    print(parser.parse_args().run())
    return 0
