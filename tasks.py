"""Maintainer tasks for this repository, its releases and finished archives. `invoke --list` lists them.

Builds and checks are Nox sessions (`nox --list`).
"""

import sys
from collections.abc import Callable
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from release_tools.bootstrap import cleaning, tasks  # noqa: E402
from release_tools.errors import ReleaseError, reporting_os_errors  # noqa: E402
from release_tools.platforms import platform_names  # noqa: E402


def reporting_failures(action: Callable[[], None]) -> None:
    """Exit with code 1 and the text of a `ReleaseError` instead of a traceback."""
    try:
        with reporting_os_errors():
            action()
    except ReleaseError as error:
        raise Exit("" if error.is_reported else str(error), code=1) from None


@task(
    positional=["path"],
    iterable=["file"],
    help={
        "path": "an archive, or a folder of archives (each next to its .sha256)",
        "file": "another archive; repeatable",
    },
)
def verify(_: Context, path: str, file: list[str]) -> None:
    """Verify archives: checksum, contents, and on a matching machine by running them."""
    reporting_failures(lambda: tasks.verify(ROOT, [Path(path), *map(Path, file)]))


@task(
    positional=["path"],
    iterable=["file"],
    help={
        "path": "a build record (build/<platform>/record.json), or a folder of them",
        "file": "another record; repeatable",
        "output": "a Markdown file to write, with a plot next to it for two or more releases",
        "validation": "say which criteria of a release are met on each platform, with their figures",
    },
)
def report(_: Context, path: str, file: list[str], output: str = "", validation: bool = False) -> None:
    """Show build records as Markdown: sizes, times, Python and checks of every platform."""
    paths, target = [Path(path), *map(Path, file)], Path(output) if output else None
    reporting_failures(lambda: tasks.report(ROOT, paths, target, is_validation=validation))


@task(
    help={"all": "delete the archives in dist/ too", "dry-run": "only show what would be deleted"},
)
def clean(_: Context, all: bool = False, dry_run: bool = False) -> None:  # noqa: A002 - it names the option
    """Delete what builds wrote to build/ and, with --all, the archives in dist/."""
    reporting_failures(lambda: cleaning.clean(ROOT, with_archives=all, is_dry_run=dry_run, report=print))


@task(
    help={
        "platform": "a platform, such as darwin-arm64",
        "all": "all five platforms",
        "version": "dev (the default), or v and the version in pyproject.toml",
        "run": "the number of an existing run to follow and download from, instead of starting one",
    },
)
def build(_: Context, platform: str = "", all: bool = False, version: str = "dev", run: int = 0) -> None:  # noqa: A002
    """Build the pushed commit on GitHub, and download the verified archives to dist/."""
    if bool(platform) == all:
        raise Exit("error: pass either --platform or --all\nhint: invoke build --platform darwin-arm64", code=1)
    reporting_failures(
        lambda: tasks.build_remotely(ROOT, platform_names() if all else [platform], version, run or None)
    )


@task(
    optional=["tag"],
    help={
        "tag": "the release tag; without a value, the one for the version in pyproject.toml",
        "dry-run": "show the plan and everything that prevents it, and change nothing",
        "watch": "follow the run on GitHub until it finishes",
    },
)
def release(_: Context, tag: str | bool | None = None, dry_run: bool = False, watch: bool = False) -> None:
    """Tag this commit and push the tag, so that GitHub builds, verifies and publishes all files or none."""
    reporting_failures(lambda: tasks.release(ROOT, tag, is_dry_run=dry_run, is_watching=watch))


@task(help={"tag": "a release tag (default: the next one)", "folder": "a folder with its files, to list them too"})
def notes(_: Context, tag: str = "", folder: str = "") -> None:
    """Print the notes of a release, from the commits since the previous one."""
    reporting_failures(lambda: tasks.notes(ROOT, tag, Path(folder) if folder else None))


@task
def check(_: Context) -> None:
    """List what prevents a release, in the project or on this machine, and how to fix it."""
    reporting_failures(lambda: tasks.check(ROOT))


@task(
    help={
        "tag": "a release tag that was pushed to GitHub",
        "folder": "the folder with the archives and checksums of all platforms",
        "dry-run": "show the remaining steps, and change nothing",
        "draft": "upload and compare all files, but don't open the draft",
    },
)
def publish(_: Context, tag: str, folder: str = "dist", dry_run: bool = False, draft: bool = False) -> None:
    """Publish the release of a tag, all files or none. Can be repeated after any interruption."""
    reporting_failures(lambda: tasks.publish(ROOT, tag, Path(folder), is_dry_run=dry_run, is_draft=draft))


@task(help={"tag": "a release tag", "yes-really": "don't ask, and delete even a stable published release"})
def discard(_: Context, tag: str, yes_really: bool = False) -> None:
    """Delete a test release and its tag, after asking."""
    reporting_failures(lambda: tasks.discard(ROOT, tag, is_confirmed=yes_really))


@task
def status(_: Context) -> None:
    """Show the latest tag and release, unfinished drafts, their files, and the next step."""
    reporting_failures(lambda: tasks.status(ROOT))


@task
def versions(_: Context) -> None:
    """List all versions: their tags, releases and mirrored files, and whether these agree."""
    reporting_failures(lambda: tasks.versions(ROOT))


@task(
    positional=["part"],
    help={
        "part": "major, minor, patch, a, b, rc, or a version such as 1.3.0rc1",
        "dry-run": "only show what would change",
    },
)
def bump(_: Context, part: str, dry_run: bool = False) -> None:
    """Write the next version to pyproject.toml, and move the changelog's unreleased entries to it."""
    reporting_failures(lambda: tasks.bump(ROOT, part, is_dry_run=dry_run))


@task(
    help={
        "tag": "the tag of a published release",
        "folder": "a folder with its files, if you have them (default: download them from GitHub)",
        "dry-run": "show what would be uploaded, and change nothing",
    },
)
def mirror(_: Context, tag: str, folder: str = "", dry_run: bool = False) -> None:
    """Copy a published release to the mirror, an S3-compatible store. Can be repeated after any interruption."""
    reporting_failures(lambda: tasks.mirror(ROOT, tag, Path(folder) if folder else None, is_dry_run=dry_run))


@task(
    help={
        "tag": "the release tag of a mirrored version",
        "reason": "why, in a few words that users are shown",
        "undo": "bring the version back",
    },
)
def yank(_: Context, tag: str, reason: str = "", undo: bool = False) -> None:
    """Withdraw a version from the mirror: installers and updaters refuse it, and its files stay."""
    reporting_failures(lambda: tasks.yank(ROOT, tag, reason, is_undone=undo))


@task(
    help={
        "tag": "the tag of a published release, which is checked out",
        "folder": "the folder with its archives and checksums",
        "url": "the URL of the folder with the archives, if they aren't on GitHub",
    },
)
def packages(_: Context, tag: str, folder: str = "dist", url: str = "") -> None:
    """Write packages of a release for Homebrew, Scoop, winget, apt and dnf to build/packages/."""
    reporting_failures(lambda: tasks.packages(ROOT, tag, Path(folder), url))
