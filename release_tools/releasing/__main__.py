"""What a maintainer's tasks start inside the environment of releases: `python -m release_tools.releasing publish …`.

Apart from `python -m release_tools`, because a build has none of the packages that a release needs.
"""

import argparse
import sys

from release_tools.command_line import run_command
from release_tools.releasing.publish_commands import add_publish_commands
from release_tools.releasing.release_commands import add_release_commands


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release_tools.releasing", description=__doc__)
    commands = parser.add_subparsers(required=True)
    add_release_commands(commands)
    add_publish_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(run_command(_parser()))
