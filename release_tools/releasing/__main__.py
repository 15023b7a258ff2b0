"""What a maintainer's tasks run inside the release environment: `python -m release_tools.releasing publish …`.

It's separate from `python -m release_tools` because a build environment lacks the packages that a release needs.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from release_tools.command_line import run_command
from release_tools.releasing.github.api import GitHubApi
from release_tools.releasing.github.releases import GitHubRepository
from release_tools.reporting.output import print_plain
from release_tools.settings import ReleaseSettings


def _parser() -> argparse.ArgumentParser:
    """Each command sets `run`, which is called with the options and a console."""
    parser = argparse.ArgumentParser(prog="python -m release_tools.releasing", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("release", help="tag the checked-out commit and push the tag")
    command.add_argument("--tag")
    command.add_argument("--dry-run", action="store_true")
    command.add_argument("--watch", action="store_true")
    command.set_defaults(run=_release)
    command = commands.add_parser("notes", help="print the release notes")
    command.add_argument("--tag")
    command.add_argument("--folder", type=Path)
    command.set_defaults(run=_notes)
    command = commands.add_parser("check", help="check that the project and this machine are ready for a release")
    command.add_argument("--uv", type=Path, required=True)
    command.add_argument("--nox", type=Path)
    command.set_defaults(run=_check)
    command = commands.add_parser("publish", help="publish all files of a release, or none")
    command.add_argument("--tag", required=True)
    command.add_argument("--folder", type=Path, required=True)
    command.add_argument("--dry-run", action="store_true")
    command.add_argument("--draft", action="store_true")
    command.set_defaults(run=_publish)
    command = commands.add_parser("discard", help="delete a test release and its tag")
    command.add_argument("--tag", required=True)
    command.add_argument("--yes-really", action="store_true")
    command.set_defaults(run=_discard)
    command = commands.add_parser("status", help="show the releases on GitHub and the next step")
    command.set_defaults(run=_status)
    command = commands.add_parser("versions", help="list tags, releases and the mirror, and compare them")
    command.set_defaults(run=_versions)
    command = commands.add_parser("bump", help="write the next version")
    command.add_argument("--part", required=True)
    command.add_argument("--dry-run", action="store_true")
    command.set_defaults(run=_bump)
    command = commands.add_parser("mirror", help="copy a published release to the mirror")
    command.add_argument("--tag", required=True)
    command.add_argument("--folder", type=Path)
    command.add_argument("--dry-run", action="store_true")
    command.set_defaults(run=_mirror)
    command = commands.add_parser("yank", help="withdraw a version from the mirror, or bring it back")
    command.add_argument("--tag", required=True)
    command.add_argument("--reason", default="")
    command.add_argument("--undo", action="store_true")
    command.set_defaults(run=_yank)

    command = commands.add_parser("packages", help="write packages for package managers")
    command.add_argument("--tag", required=True)
    command.add_argument("--folder", type=Path, required=True)
    command.add_argument("--output", type=Path, required=True)
    command.add_argument("--url")
    command.set_defaults(run=_packages)
    return parser


def _release(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.tag.release import release

    root, say = Path.cwd(), partial(print_plain, console)
    settings, api = ReleaseSettings.load(root), _api(root, say)
    release(settings, api, options.tag, say, is_dry_run=options.dry_run, is_watching=options.watch)


def _notes(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.notes.release_notes import preview_notes

    text = preview_notes(ReleaseSettings.load(Path.cwd()), options.tag, options.folder)
    console.out(text, highlight=False, end="")


def _check(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.check import check_project

    settings, github = ReleaseSettings.load(Path.cwd()), _github(partial(print_plain, console))
    check_project(settings, github, console, today=datetime.now(UTC).date(), uv=options.uv, nox=options.nox)


def _publish(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.publish.publish_release import publish_release

    settings, say = ReleaseSettings.load(Path.cwd()), partial(print_plain, console)
    github, tag, folder = _github(say), options.tag, options.folder
    publish_release(settings, github, tag, folder, say, is_dry_run=options.dry_run, is_draft=options.draft)


def _discard(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.publish.discard import discard

    settings, say = ReleaseSettings.load(Path.cwd()), partial(print_plain, console)
    ask = console.input if sys.stdin.isatty() else None
    discard(settings, _github(say), options.tag, say, ask=ask, is_confirmed=options.yes_really)


def _status(_: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.publish.status import read_status, status_lines

    settings, say = ReleaseSettings.load(Path.cwd()), partial(print_plain, console)
    for line in status_lines(read_status(settings, _github(say))):
        say(line)


def _versions(_: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.errors import VersionsDisagreeError
    from release_tools.releasing.mirror.configuration import is_configured, mirror_settings
    from release_tools.releasing.mirror.version_list import contradictions, next_steps, read_versions, version_lines

    settings, say = ReleaseSettings.load(Path.cwd()), partial(print_plain, console)
    mirror = mirror_settings(settings) if is_configured(settings) else None
    listed = read_versions(settings, _github(say), mirror)
    steps, problems = next_steps(listed), contradictions(listed)
    agreement = [] if steps or problems else ["everything agrees"]
    for line in (*version_lines(listed), *steps, *agreement):
        say(line)
    if problems:
        raise VersionsDisagreeError(problems)


def _bump(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.bump import bump

    settings, say = ReleaseSettings.load(Path.cwd()), partial(print_plain, console)
    bump(settings, options.part, datetime.now(UTC).date(), say, is_dry_run=options.dry_run)


def _mirror(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.mirror.configuration import mirror_settings, read_credentials
    from release_tools.releasing.mirror.mirror_release import mirror_tag
    from release_tools.releasing.mirror.store import ObjectStore

    settings, say = ReleaseSettings.load(Path.cwd()), partial(print_plain, console)
    store = ObjectStore(mirror_settings(settings), read_credentials(), say=say)
    tag, folder = options.tag, options.folder
    mirror_tag(settings, _github(say), store, tag, folder=folder, say=say, is_dry_run=options.dry_run)


def _yank(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.mirror.configuration import mirror_settings, read_credentials
    from release_tools.releasing.mirror.store import ObjectStore
    from release_tools.releasing.mirror.yank import yank

    settings, say = ReleaseSettings.load(Path.cwd()), partial(print_plain, console)
    store = ObjectStore(mirror_settings(settings), read_credentials(), say=say)
    yank(store, options.tag, reason=options.reason, say=say, is_undone=options.undo)


def _packages(options: argparse.Namespace, console: Console) -> None:
    from release_tools.packages.write_packages import PackageRequest, write_packages

    root, say = Path.cwd(), partial(print_plain, console)
    request = PackageRequest(tag=options.tag, folder=options.folder, output=options.output, url=options.url)
    for path in write_packages(ReleaseSettings.load(root), request, _github(say), say):
        say(str(path.relative_to(root) if path.is_relative_to(root) else path))


def _github(say: Callable[[str], None]) -> GitHubRepository:
    return GitHubRepository(_api(Path.cwd(), say))


def _api(root: Path, say: Callable[[str], None]) -> GitHubApi:
    from release_tools.releasing.git_state import github_repository

    return GitHubApi(root, repository=github_repository(root), say=say)


if __name__ == "__main__":
    sys.exit(run_command(_parser()))
