"""The subcommands of `python -m release_tools.releasing` that a maintainer's tasks start."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from release_tools.releasing.check import check_project
from release_tools.releasing.github_requests import Requests
from release_tools.releasing.notes import preview_notes
from release_tools.releasing.release import release
from release_tools.settings import ReleaseSettings


def add_release_commands(commands: "argparse._SubParsersAction[Any]") -> None:
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
