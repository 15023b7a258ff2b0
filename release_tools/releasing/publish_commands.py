"""The subcommands of `python -m release_tools.releasing` that act on the releases at GitHub."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from release_tools.releasing.discarding import discard
from release_tools.releasing.github import GitHub
from release_tools.releasing.github_requests import Requests
from release_tools.releasing.publish_release import publish_release
from release_tools.releasing.release_status import read_status, status_lines
from release_tools.settings import ReleaseSettings


def add_publish_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add `publish`, `discard` and `status`; each sets `run`, which is called with the options and a console."""
    parser = commands.add_parser("publish", help="publish the files of a release, all or none")
    parser.add_argument("--tag", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true")
    parser.set_defaults(run=_publish)
    parser = commands.add_parser("discard", help="take a test release and its tag away")
    parser.add_argument("--tag", required=True)
    parser.add_argument("--yes-really", action="store_true")
    parser.set_defaults(run=_discard)
    parser = commands.add_parser("status", help="show where the releases stand")
    parser.set_defaults(run=_status)


def _publish(options: argparse.Namespace, console: Console) -> None:
    say = _speaker(console)
    settings = ReleaseSettings.load(Path.cwd())
    github = GitHub(Requests(settings.root, say=say))
    publish_release(settings, github, options.tag, options.folder, say, is_dry_run=options.dry_run)


def _discard(options: argparse.Namespace, console: Console) -> None:
    say = _speaker(console)
    settings = ReleaseSettings.load(Path.cwd())
    github = GitHub(Requests(settings.root, say=say))
    ask = console.input if sys.stdin.isatty() else None
    discard(settings, github, options.tag, say, ask=ask, is_sure=options.yes_really)


def _status(_: argparse.Namespace, console: Console) -> None:
    say = _speaker(console)
    settings = ReleaseSettings.load(Path.cwd())
    for line in status_lines(read_status(settings, GitHub(Requests(settings.root, say=say)))):
        say(line)


def _speaker(console: Console) -> Callable[[str], None]:
    """Prints a line as it is, at once: names and messages come from elsewhere and are no markup."""

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.file.flush()

    return say
