"""What the Invoke tasks do, in Invoke's own interpreter: standard library only.

Like the sessions, a task that needs libraries makes the locked environment and hands over to `python -m release_tools`.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from release_tools.bootstrap.environment import create_environment, find_uv
from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.bootstrap.sessions import run_inside, suite_arguments, tool_environment
from release_tools.errors import NoCommitError, Problem, RequestError
from release_tools.lockfile import BUILD_GROUPS, RELEASE_GROUPS
from release_tools.platforms import find_platform, host_platform
from release_tools.repository import git, read_commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import find_version_problem


def report(root: Path, paths: Sequence[Path], output: Path | None) -> None:
    """Show the records of builds (files, or all in a folder) as Markdown, on standard output or in a file.

    Raises `RequestError` when there is no record, and `ReportedError` when one of them is damaged.
    """
    records = [record for path in paths for record in _records_at(path)]
    problems = [
        Problem(what=f"there is no build record at {path}", hint="a build leaves one in build/<platform>/record.json")
        for path in paths
        if not path.is_file() and not _records_at(path)
    ]
    if problems:
        raise RequestError("report on builds", problems)
    python = tool_environment(root, "verify-environment", BUILD_GROUPS)
    command = [str(python), "-m", "release_tools", "report", *(str(record.resolve()) for record in records)]
    run_inside(root, [*command, *(["--output", str(output.resolve())] if output else [])])


def build_remotely(root: Path, platform_names: Sequence[str], label: str, run_number: int | None) -> None:
    """Have GitHub build archives of the checked-out commit; verify them, and put them into `dist/`.

    Raises `RequestError` with everything that is wrong with the request before anything is started, `NoCommitError`
    outside a checkout, and `ReportedError` when the build or the verification fails.
    """
    settings = ReleaseSettings.load(root)
    platforms = [find_platform(name) for name in platform_names]
    commit = read_commit(root)
    if commit is None:
        raise NoCommitError(root)
    if commit.is_dirty:
        print("note: GitHub builds the commit, without what was changed here since", flush=True)
    clean = replace(commit, is_dirty=False)
    branch = git(root, "branch", "--show-current").strip()
    problem = find_version_problem(label, settings.project_version, clean)
    problems = [problem] if problem else []
    if not branch and run_number is None:
        problems.append(Problem(what="no branch is checked out", hint="GitHub builds a branch: git switch BRANCH"))
    if problems:
        raise RequestError("have GitHub build", problems)
    folder = settings.build_folder(host_platform().name)
    arguments = [argument for platform in platforms for argument in ("--platform", platform.name)]
    arguments += ["--version", label, "--branch", branch]
    arguments += ["--run-number", str(run_number)] if run_number is not None else []
    with exclusive_use(folder):
        python = tool_environment(root, "verify-environment", BUILD_GROUPS)
        arguments += suite_arguments(settings, folder)
        run_inside(root, [str(python), "-m", "release_tools", "build-remotely", *arguments])


def release(root: Path, tag: str | bool | None, *, is_dry_run: bool, is_watching: bool) -> None:
    """Tag the checked-out commit for the version of `pyproject.toml` and push the tag.

    `tag` is what Invoke makes of the option: True without a value, which lets the tag follow from the version.

    Raises `RequestError` without a tag, and `ReportedError` when it is refused or does not come about.
    """
    if tag is None or tag is False:
        problem = Problem(
            what="no tag was asked for",
            hint="`invoke release --tag` takes the version of pyproject.toml; add --dry-run to see the plan only",
        )
        raise RequestError("release", [problem])
    # As one argument each, so that no tag can pass for an option.
    options = [] if tag is True else [f"--tag={tag}"]
    options += ["--dry-run"] if is_dry_run else []
    options += ["--watch"] if is_watching else []
    _run_releasing(root, "release", *options)


def notes(root: Path, tag: str, folder: Path | None) -> None:
    """Print the notes of a release, or as they would be now where it is still to come. Raises `ReportedError`."""
    options = [f"--tag={tag}"] if tag else []
    options += [f"--folder={folder.resolve()}"] if folder else []
    _run_releasing(root, "notes", *options)


def check(root: Path) -> None:
    """Say what in the project or on this machine stands in the way of a release. Raises `ReportedError` then."""
    # What was installed together with Invoke comes before what is on the PATH.
    nox = shutil.which("nox", path=str(Path(sys.executable).parent)) or shutil.which("nox")
    options = [f"--uv={find_uv()}", *([f"--nox={nox}"] if nox else [])]
    _run_releasing(root, "check", *options)


def publish(root: Path, tag: str, folder: Path, *, is_dry_run: bool) -> None:
    """Publish the files in `folder` as the release of `tag`, all or none. Raises `ReportedError`."""
    options = [f"--tag={tag}", f"--folder={folder.resolve()}", *(["--dry-run"] if is_dry_run else [])]
    _run_releasing(root, "publish", *options)


def discard(root: Path, tag: str, *, is_sure: bool) -> None:
    """Take the release of `tag` and the tag away again. Raises `ReportedError`, as when the answer is no."""
    options = [f"--tag={tag}", *(["--yes-really"] if is_sure else [])]
    _run_releasing(root, "discard", *options)


def status(root: Path) -> None:
    """Show where the releases stand, and what comes next. Raises `ReportedError`."""
    _run_releasing(root, "status")


def release_environment(root: Path) -> Path:
    """The Python of the environment for releasing. A stale lock will do: what is wrong is told together, inside it.

    Raises the errors of `create_environment`.
    """
    settings = ReleaseSettings.load(root)
    folder = settings.build_folder(host_platform().name) / "release-environment"
    return create_environment(settings, folder, RELEASE_GROUPS, is_kept=True)


def _run_releasing(root: Path, command: str, *options: str) -> None:
    run_inside(root, [str(release_environment(root)), "-m", "release_tools.releasing", command, *options])


def _records_at(path: Path) -> list[Path]:
    """The file itself, or the records in a folder and in the folders right below it, as builds and downloads lie."""
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted({*path.glob("*record.json"), *path.glob("*/*record.json")})
