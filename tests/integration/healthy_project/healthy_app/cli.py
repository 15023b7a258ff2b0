"""One command for each feature that freezing tends to break."""

import sys

from healthy_app import restarts


def main() -> int:
    """Run one command."""
    if sys.argv[1:] == [restarts.COMMAND]:
        print(restarts.start_itself())
        return 0
    import argparse
    from importlib.metadata import version

    from healthy_app import features, processes

    parser = argparse.ArgumentParser(prog="healthy", description="Uses everything that's hard to freeze.")
    parser.add_argument("--version", action="version", version=f"healthy {version('healthy-app')}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in {
        **features.COMMANDS,
        **processes.COMMANDS,
        restarts.COMMAND: restarts.start_itself,
    }.items():
        commands.add_parser(name, help=function.__doc__).set_defaults(run=function)
    print(parser.parse_args().run())
    return 0
