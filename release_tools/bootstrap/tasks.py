"""What the Invoke tasks do: each creates a locked environment and runs `python -m release_tools…` inside it."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from release_tools.bootstrap.environment import (
    create_tool_environment,
    find_uv,
    run_inside,
    suite_arguments,
    tool_environment,
)
from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.errors import NoCommitError, Problem, RequestError
from release_tools.lockfile import BUILD_TOOLS, MIRROR_TOOLS, PACKAGE_TOOLS, RELEASE_TOOLS
from release_tools.platforms import find_platform, host_platform
from release_tools.repository import git, read_commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import version_problems


def verify(root: Path, paths: Sequence[Path]) -> None:
    """Verify finished archives: files, or all in a folder.

    Raises `RequestError` if there is nothing to verify, `BusyError` during a build, and `ReportedError` if an archive
    fails.
    """
    settings = ReleaseSettings.load(root)
    archives = [archive for path in paths for archive in _archives_at(path)]
    problems = [
        Problem(what=f"no archive at {path}", hint="check the path, or build one with `nox -s build`")
        for path in paths
        if not path.is_file() and not _archives_at(path)
    ]
    if problems:
        raise RequestError("verify", problems)
    folder = settings.build_folder(host_platform().name)
    with exclusive_use(folder):
        python = create_tool_environment(settings, folder / "verify-environment", BUILD_TOOLS, is_kept=True)
        command = [str(python), "-m", "release_tools", "verify", *suite_arguments(settings, folder)]
        run_inside(root, [*command, *(str(archive.resolve()) for archive in archives)])


def report(root: Path, paths: Sequence[Path], output: Path | None, *, is_validation: bool = False) -> None:
    """Show build records (files, or all in a folder) as Markdown, on standard output or in a file.

    `is_validation` says which criteria of a release they prove.

    Raises `RequestError` if there is no record, and `ReportedError` if one is damaged.
    """
    records = [record for path in paths for record in _records_at(path)]
    problems = [
        Problem(what=f"no build record at {path}", hint="builds write build/<platform>/record.json; name one of those")
        for path in paths
        if not path.is_file() and not _records_at(path)
    ]
    if problems:
        raise RequestError("report on builds", problems)
    python = tool_environment(root, "verify-environment", BUILD_TOOLS)
    command = [str(python), "-m", "release_tools", "report", *(str(record.resolve()) for record in records)]
    command += ["--validation"] if is_validation else []
    run_inside(root, [*command, *(["--output", str(output.resolve())] if output else [])])


def build_remotely(root: Path, platform_names: Sequence[str], label: str, run_number: int | None) -> None:
    """Build archives of the checked-out commit on GitHub, verify them, and copy them to `dist/`.

    Raises `RequestError` with every problem before anything starts, `NoCommitError` outside a checkout, and
    `ReportedError` if the build or the verification fails.
    """
    settings = ReleaseSettings.load(root)
    platforms = [find_platform(name) for name in platform_names]
    commit = read_commit(root)
    if commit is None:
        raise NoCommitError(root)
    if commit.is_dirty:
        print("note: GitHub builds the commit, without your uncommitted changes", flush=True)
    clean = replace(commit, is_dirty=False)
    branch = git(root, "branch", "--show-current").strip()
    problems = version_problems(label, settings.project_version, clean)
    if not branch and run_number is None:
        problems.append(Problem(what="detached HEAD: GitHub builds a branch", hint="check one out: git switch BRANCH"))
    if problems:
        raise RequestError("build on GitHub", problems)
    folder = settings.build_folder(host_platform().name)
    arguments = [argument for platform in platforms for argument in ("--platform", platform.name)]
    arguments += ["--version", label, "--branch", branch]
    arguments += ["--run-number", str(run_number)] if run_number is not None else []
    with exclusive_use(folder):
        python = tool_environment(root, "verify-environment", BUILD_TOOLS)
        arguments += suite_arguments(settings, folder)
        run_inside(root, [str(python), "-m", "release_tools", "build-remotely", *arguments])


def release(root: Path, tag: str | bool | None, *, is_dry_run: bool, is_watching: bool) -> None:
    """Tag the checked-out commit for the version in `pyproject.toml`, and push the tag.

    `tag` is Invoke's value of the option: True without a value, which derives the tag from the version.

    Raises `RequestError` without a tag, and `ReportedError` if the release is refused or fails.
    """
    if tag is None or tag is False:
        problem = Problem(
            what="--tag is missing",
            hint="`invoke release --tag` tags the version in pyproject.toml; add --dry-run to see only the plan",
        )
        raise RequestError("release", [problem])
    # One argument each, so that a tag can't be parsed as an option.
    options = [] if tag is True else [f"--tag={tag}"]
    options += ["--dry-run"] if is_dry_run else []
    options += ["--watch"] if is_watching else []
    _run_releasing(root, "release", *options)


def notes(root: Path, tag: str, folder: Path | None) -> None:
    """Print the notes of a release, or a preview of the next one's. Raises `ReportedError`."""
    options = [f"--tag={tag}"] if tag else []
    options += [f"--folder={folder.resolve()}"] if folder else []
    _run_releasing(root, "notes", *options)


def check(root: Path) -> None:
    """List everything in the project or on this machine that prevents a release, as `ReportedError`."""
    # Prefer the Nox next to Invoke to the one on the PATH.
    nox = shutil.which("nox", path=str(Path(sys.executable).parent)) or shutil.which("nox")
    options = [f"--uv={find_uv()}", *([f"--nox={nox}"] if nox else [])]
    _run_releasing(root, "check", *options)


def publish(root: Path, tag: str, folder: Path, *, is_dry_run: bool, is_draft: bool) -> None:
    """Publish the files in `folder` as the release of `tag`, all or none, or only fill its draft.

    Raises `ReportedError`.
    """
    options = [f"--tag={tag}", f"--folder={folder.resolve()}"]
    options += [*(["--dry-run"] if is_dry_run else []), *(["--draft"] if is_draft else [])]
    _run_releasing(root, "publish", *options)


def discard(root: Path, tag: str, *, is_confirmed: bool) -> None:
    """Delete the release of `tag` and the tag. Raises `ReportedError`, also if you don't confirm."""
    options = [f"--tag={tag}", *(["--yes-really"] if is_confirmed else [])]
    _run_releasing(root, "discard", *options)


def status(root: Path) -> None:
    """Show the state of the releases, and the next step. Raises `ReportedError`."""
    _run_releasing(root, "status")


def versions(root: Path) -> None:
    """List tags, releases and the mirror. Raises `ReportedError`, also if they contradict each other."""
    _run_releasing(root, "versions")


def bump(root: Path, part: str, *, is_dry_run: bool) -> None:
    """Write the next version and its section of the changelog. Raises `ReportedError`."""
    _run_releasing(root, "bump", f"--part={part}", *(["--dry-run"] if is_dry_run else []))


def mirror(root: Path, tag: str, folder: Path | None, *, is_dry_run: bool) -> None:
    """Copy the published release of `tag` to the mirror. Raises `ReportedError`."""
    options = [f"--tag={tag}", *([f"--folder={folder.resolve()}"] if folder else [])]
    _run_mirroring(root, "mirror", *options, *(["--dry-run"] if is_dry_run else []))


def yank(root: Path, tag: str, reason: str, *, is_undone: bool) -> None:
    """Withdraw the version of `tag` from the mirror, or bring it back.

    Raises `RequestError` without a reason, and `ReportedError` if the mirror doesn't have the version.
    """
    if not reason and not is_undone:
        hint = "users are shown it: --reason 'deletes files'"
        raise RequestError("yank", [Problem(what="--reason is missing", hint=hint)])
    _run_mirroring(root, "yank", f"--tag={tag}", *(["--undo"] if is_undone else [f"--reason={reason}"]))


def packages(root: Path, tag: str, folder: Path, url: str) -> None:
    """Write packages of the release of `tag`, whose files are in `folder`. Raises `ReportedError`."""
    options = [f"--tag={tag}", f"--folder={folder.resolve()}", f"--output={root / 'build' / 'packages' / tag}"]
    _run_in(root, "packages-environment", PACKAGE_TOOLS, "packages", *options, *([f"--url={url}"] if url else []))


def _run_releasing(root: Path, command: str, *options: str) -> None:
    """Run a command in the release environment. It reports a stale lock together with everything else."""
    _run_in(root, "release-environment", RELEASE_TOOLS, command, *options)


def _run_mirroring(root: Path, command: str, *options: str) -> None:
    """Run a command in the release environment with a client for S3."""
    _run_in(root, "mirror-environment", MIRROR_TOOLS, command, *options)


def _run_in(root: Path, name: str, groups: Sequence[str], command: str, *options: str) -> None:
    settings = ReleaseSettings.load(root)
    python = create_tool_environment(settings, settings.build_folder(host_platform().name) / name, groups, is_kept=True)
    run_inside(root, [str(python), "-m", "release_tools.releasing", command, *options])


def _archives_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted(entry for entry in path.iterdir() if entry.name.endswith((".tar.gz", ".zip")) and entry.is_file())


def _records_at(path: Path) -> list[Path]:
    """The file itself, or the records in a folder and its subfolders, where builds and downloads put them."""
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted({*path.glob("*record.json"), *path.glob("*/*record.json")})
