"""Tasks for a maintainer, acting on this repository and on finished archives. `invoke --list` shows them.

What needs an environment or runs in a job of its own is a Nox session instead (`nox --list`).
"""

import sys
from collections.abc import Callable
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from release_tools.bootstrap import cleaning, sessions, tasks  # noqa: E402
from release_tools.errors import ReleaseError, reporting_os_errors  # noqa: E402
from release_tools.platforms import platform_names  # noqa: E402


def reporting_failures(action: Callable[[], None]) -> None:
    """Ends the task with exit code 1 and the text of a failure that a person can act on."""
    try:
        with reporting_os_errors():
            action()
    except ReleaseError as error:
        raise Exit("" if error.is_reported else str(error), code=1) from None


@task(
    positional=["path"],
    iterable=["file"],
    help={
        "path": "an archive, or a folder of archives (each with its .sha256 beside it)",
        "file": "a further archive; may be given again and again",
    },
)
def verify(_: Context, path: str, file: list[str]) -> None:
    """Check archives: checksum, then their bytes, then by running them where this machine can."""
    reporting_failures(lambda: sessions.verify(ROOT, [Path(path), *map(Path, file)]))


@task(
    positional=["path"],
    iterable=["file"],
    help={
        "path": "the record of a build (build/<platform>/record.json), or a folder of them",
        "file": "a further record; may be given again and again",
        "output": "a Markdown file to write; a plot of two releases or more goes beside it",
    },
)
def report(_: Context, path: str, file: list[str], output: str = "") -> None:
    """Show the records of builds as Markdown: sizes, times, Python and checks of every platform."""
    reporting_failures(lambda: tasks.report(ROOT, [Path(path), *map(Path, file)], Path(output) if output else None))


@task(
    help={"all": "the archives in dist/ too", "dry-run": "only say what would be removed"},
)
def clean(_: Context, all: bool = False, dry_run: bool = False) -> None:  # noqa: A002 - it names the option
    """Remove what builds left in build/, and nothing that anybody else put there."""
    reporting_failures(lambda: cleaning.clean(ROOT, with_archives=all, is_dry_run=dry_run, say=print))


@task(
    help={
        "platform": "a platform, such as darwin-arm64",
        "all": "all five platforms",
        "version": "dev (the default), or v and the version of pyproject.toml",
        "run": "the number of a run that is there already: follow that one and take what it built",
    },
)
def build(_: Context, platform: str = "", all: bool = False, version: str = "dev", run: int = 0) -> None:  # noqa: A002
    """Have GitHub build the pushed commit, follow it, and bring the archives into dist/, verified."""
    if bool(platform) == all:
        raise Exit("error: which platform?\nhint: name one with --platform, or all of them with --all", code=1)
    reporting_failures(
        lambda: tasks.build_remotely(ROOT, platform_names() if all else [platform], version, run or None)
    )


@task(
    optional=["tag"],
    help={
        "tag": "the tag of the version in pyproject.toml; without a value it follows from there",
        "dry-run": "show the plan, and whether anything stands against it, and change nothing",
        "watch": "follow GitHub's run of the tag to its end",
    },
)
def release(_: Context, tag: str | bool | None = None, dry_run: bool = False, watch: bool = False) -> None:
    """Tag this commit and push the tag, which makes GitHub build, verify and publish all files or none."""
    reporting_failures(lambda: tasks.release(ROOT, tag, is_dry_run=dry_run, is_watching=watch))


@task(help={"tag": "a release; without it the next one", "folder": "where its files lie, to be shown as well"})
def notes(_: Context, tag: str = "", folder: str = "") -> None:
    """Print the notes of a release, from the commits since the one before."""
    reporting_failures(lambda: tasks.notes(ROOT, tag, Path(folder) if folder else None))


@task
def check(_: Context) -> None:
    """Say what in the project or on this machine stands in the way of a release, and what helps."""
    reporting_failures(lambda: tasks.check(ROOT))


@task(
    help={
        "tag": "the tag, which GitHub has already",
        "folder": "where the archives and checksums of all platforms lie",
        "dry-run": "show what is left to do, and change nothing",
    },
)
def publish(_: Context, tag: str, folder: str = "dist", dry_run: bool = False) -> None:
    """Publish the release of a tag, all files or none; may be run again after any interruption."""
    reporting_failures(lambda: tasks.publish(ROOT, tag, Path(folder), is_dry_run=dry_run))


@task(help={"tag": "the tag of a release", "yes-really": "do not ask, and take even a stable public release away"})
def discard(_: Context, tag: str, yes_really: bool = False) -> None:
    """Take a test release and its tag away again, after asking."""
    reporting_failures(lambda: tasks.discard(ROOT, tag, is_sure=yes_really))


@task
def status(_: Context) -> None:
    """Show the latest tag and release, drafts that were left, their files, and what comes next."""
    reporting_failures(lambda: tasks.status(ROOT))
