"""What a maintainer's tasks start inside the environment of releases: `python -m release_tools.releasing publish …`.

Apart from `python -m release_tools`, because a build has none of the packages that a release needs.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from release_tools.command_line import run_command
from release_tools.releasing.check import check_project
from release_tools.releasing.github.releases import GitHub
from release_tools.releasing.github.requests import Requests
from release_tools.releasing.notes.release_notes import preview_notes
from release_tools.releasing.publish.discard import discard
from release_tools.releasing.publish.publish_release import publish_release
from release_tools.releasing.publish.release_status import read_status, status_lines
from release_tools.releasing.tag.release import release
from release_tools.settings import ReleaseSettings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release_tools.releasing", description=__doc__)
    commands = parser.add_subparsers(required=True)
    _add_release_commands(commands)
    _add_publish_commands(commands)
    return parser


def _add_release_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add `release`, `notes` and `check`; each sets `run`, which is called with the options and a console."""
    parser = commands.add_parser("release", help="tag the checked-out commit and push the tag")
    parser.add_argument("--tag")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--watch", action="store_true")
    parser.set_defaults(run=_release)
    parser = commands.add_parser("notes", help="print the notes of a release")
    parser.add_argument("--tag")
    parser.add_argument("--folder", type=Path)
    parser.set_defaults(run=_notes)
    parser = commands.add_parser("check", help="check that the project and this machine are ready for a release")
    parser.add_argument("--uv", type=Path, required=True)
    parser.add_argument("--nox", type=Path)
    parser.set_defaults(run=_check)


def _release(options: argparse.Namespace, console: Console) -> None:
    root = Path.cwd()
    release(
        ReleaseSettings.load(root),
        options.tag,
        is_dry_run=options.dry_run,
        is_watching=options.watch,
        console=console,
        requests=Requests(root),
    )


def _notes(options: argparse.Namespace, console: Console) -> None:
    text = preview_notes(ReleaseSettings.load(Path.cwd()), options.tag, options.folder)
    console.out(text, highlight=False, end="")


def _check(options: argparse.Namespace, console: Console) -> None:
    check_project(ReleaseSettings.load(Path.cwd()), datetime.now(UTC).date(), options.uv, options.nox, console)


def _add_publish_commands(commands: "argparse._SubParsersAction[Any]") -> None:
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


if __name__ == "__main__":
    sys.exit(run_command(_parser()))
