"""What the Nox sessions do, in Nox's own interpreter: standard library only.

A session here makes the locked environment, then hands over to `python -m release_tools` or another program inside it.
"""

import argparse
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from release_tools.archives import differing_members, sha256_of
from release_tools.bootstrap.containers import build_in_container
from release_tools.bootstrap.environment import ISOLATED, create_environment, install_editable, install_project
from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.bootstrap.hosts import host_problems, is_emulated
from release_tools.bootstrap.shadowing import shadowing_problems
from release_tools.bootstrap.stages import done_line, stage_line
from release_tools.errors import NoCommitError, Problem, ReleaseError, RequestError, UnreproducibleError
from release_tools.lockfile import BUILD_GROUPS, lock_problems, read_lock_file
from release_tools.platforms import Platform, find_platform, host_platform
from release_tools.processes.run import EnvironmentChanges, run
from release_tools.repository import git, read_commit
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import CONTAINER_TABLE, EXAMPLE_IMAGE, is_image_name
from release_tools.versions import DEV, archive_name, find_version_problem, resolve_version

SUITE_GROUPS: Final = ("main", "test")

# What `python -m release_tools` itself is made of; without it there is nobody to say what is missing.
_NEEDED_BY_LIBRARY: Final = ("lief", "packaging", "pyinstaller", "rich")


def build(root: Path, platform_name: str, arguments: Sequence[str]) -> None:
    """Make, verify and place the archive of one platform.

    Raises `RequestError` with everything that is wrong with the request before any work is done, `BusyError` when
    another build is at work, and the errors of the stages after that.
    """
    options = _build_options(platform_name, arguments)
    settings = ReleaseSettings.load(root)
    platform = find_platform(platform_name)
    image = settings.container.image if options.image is None else options.image
    problems = request_problems(settings, platform, options.version)
    problems += _python_problems(settings, options.python) + _image_problems(platform, image, options.image)
    if problems:
        raise RequestError(f"build {platform.name}", problems)
    version = resolve_version(options.version, settings.project_version, read_commit(root))
    keep_going = ["--keep-going"] if options.keep_going else []
    exact_python = ["--python", options.python] if options.python else []
    if image and is_emulated(host_platform(), platform):
        archive = settings.dist_folder / archive_name(settings.executable, version, platform)
        build_in_container(
            settings, platform, image, archive, ["--version", options.version, *exact_python, *keep_going]
        )
        return

    settings = replace(settings, python_version=options.python or settings.python_version)
    folder = settings.build_folder(platform.name)
    with exclusive_use(folder):
        print(stage_line("environment", ""), flush=True)
        started = time.monotonic()
        python = create_environment(settings, folder / "environment", BUILD_GROUPS, is_kept=False, platform=platform)
        install_project(settings, python, version, folder / "wheel")
        suite_args = suite_arguments(settings, folder)
        seconds = time.monotonic() - started
        print(done_line("environment", seconds), flush=True)

        wish = ["--platform", platform.name, "--version", options.version]
        command = [str(python), "-m", "release_tools", "build", *wish]
        command += ["--environment-seconds", f"{seconds:.1f}", *suite_args, *keep_going]
        run_inside(root, command)


def reproduce(root: Path) -> None:
    """Build the checked-out commit in two clones, in folders of different names, and compare the archives.

    Raises `UnreproducibleError` with the members that differ, and the errors of a build.
    """
    commit = read_commit(root)
    if commit is None:
        raise NoCommitError(root)
    host = host_platform()
    work = ReleaseSettings.load(root).build_folder(host.name) / "reproduce"
    shutil.rmtree(work, ignore_errors=True)
    first = _built_in_clone(root, work / "a", commit.sha, host.name)
    second = _built_in_clone(root, work / "in another folder", commit.sha, host.name)
    differing = differing_members(first, second)
    if differing:
        raise UnreproducibleError(first, second, differing)
    print(f"{first.name}: two builds of {commit.sha[:7]} have sha256 {sha256_of(first)}", flush=True)


def _built_in_clone(root: Path, clone: Path, sha: str, platform_name: str) -> Path:
    clone.mkdir(parents=True)
    git(root, "clone", "--quiet", "--no-checkout", str(root), str(clone))
    git(clone, "checkout", "--quiet", "--detach", sha)
    build(clone, platform_name, [])
    return next(path for path in (clone / "dist").iterdir() if path.suffix != ".sha256")


def verify(root: Path, paths: Sequence[Path]) -> None:
    """Verify finished archives: files, or all in a folder.

    Raises `RequestError` when there is nothing to verify, `BusyError` when a build is running, and `ReportedError` when
    an archive is refused.
    """
    settings = ReleaseSettings.load(root)
    archives = [archive for path in paths for archive in _archives_at(path)]
    missing = [path for path in paths if not path.is_file() and not path.is_dir()]
    empty = [path for path in paths if path.is_dir() and not _archives_at(path)]
    problems = [Problem(what=f"there is no file {path}", hint="check the path") for path in missing]
    problems += [Problem(what=f"no archive in {path}", hint="build one with `nox -s build`") for path in empty]
    if problems:
        raise RequestError("verify", problems)
    folder = settings.build_folder(host_platform().name)
    with exclusive_use(folder):
        python = create_environment(settings, folder / "verify-environment", BUILD_GROUPS, is_kept=True)
        command = [str(python), "-m", "release_tools", "verify", *suite_arguments(settings, folder)]
        run_inside(root, [*command, *(str(archive.resolve()) for archive in archives)])


def _archives_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(entry for entry in path.iterdir() if entry.name.endswith((".tar.gz", ".zip")) and entry.is_file())


def bench(root: Path) -> None:
    """Compare the last archive of this machine with the environment that its build left.

    Raises `RequestError` when the lock is stale, and `ReportedError` where there was no build.
    """
    python = tool_environment(root, "bench", BUILD_GROUPS)
    run_inside(root, [str(python), "-m", "release_tools", "bench"])


def tool_environment(root: Path, name: str, groups: Sequence[str], *, with_project: bool = False) -> Path:
    """The Python of a kept environment with these locked groups and, if asked for, the project itself, editable.

    Raises `RequestError` when the lock is stale, and the errors of `create_environment`.
    """
    settings = ReleaseSettings.load(root)
    host = host_platform()
    problems = lock_problems(settings)
    if problems:
        raise RequestError(f"make the {name} environment", problems)
    python = create_environment(settings, settings.build_folder(host.name) / name, groups, is_kept=True)
    if with_project:
        install_editable(settings, python)
    return python


def run_inside(root: Path, args: Sequence[str], env: EnvironmentChanges | None = None) -> None:
    """Run a program of one of our environments, cut off from the caller's Python settings."""
    run(args, cwd=root, env={**ISOLATED, "PYTHONUTF8": "1", **(env or {})})


def request_problems(settings: ReleaseSettings, platform: Platform, version_label: str) -> list[Problem]:
    """Everything that is wrong with what was asked for and can be seen without an environment."""
    problems = host_problems(platform, settings.root) + _lock_problems(settings) + shadowing_problems(settings.root)
    try:
        version_problem = find_version_problem(version_label, settings.project_version, read_commit(settings.root))
    except ReleaseError as error:
        version_problem = Problem(what=error.what, hint=error.hint)
    return problems + ([version_problem] if version_problem else [])


def _python_problems(settings: ReleaseSettings, version: str | None) -> list[Problem]:
    """What is wrong with the Python that was asked for: it is no patch release of the pinned one."""
    pinned = settings.python_version
    if version is None or (re.fullmatch(r"\d+\.\d+\.\d+", version) and f"{version}.".startswith(f"{pinned}.")):
        return []
    hint = f"give one of the {pinned} that .python-version pins, in full, or leave --python out"
    return [Problem(what=f"--python {version} is no patch release of Python {pinned}", hint=hint)]


def _image_problems(platform: Platform, image: str | None, given_image: str | None) -> list[Problem]:
    """What is wrong with the image of a container: it is not known where it is needed, or given where none is."""
    try:
        needs_container = is_emulated(host_platform(), platform)
    except ReleaseError:
        return []
    if needs_container and image is None:
        return [
            Problem(
                what=f"{platform.name} is built in a container here, and no image for it is set",
                hint=f'set container-image = "…" in [tool.release-tools.{CONTAINER_TABLE}], '
                "or give one: -- --image NAME",
            )
        ]
    if needs_container and not is_image_name(image):
        hint = f"give the name of one, such as {EXAMPLE_IMAGE}: -- --image NAME"
        return [Problem(what=f"--image {given_image!r} is no name of an image", hint=hint)]
    if given_image is not None and not needs_container:
        return [
            Problem(
                what=f"--image {given_image} is for a build in a container, "
                f"and {platform.name} is built without one here",
                hint="leave --image out",
            )
        ]
    return []


def _lock_problems(settings: ReleaseSettings) -> list[Problem]:
    return lock_problems(settings) or _missing_package_problems(settings)


def _missing_package_problems(settings: ReleaseSettings) -> list[Problem]:
    lock = read_lock_file(settings.lock_path)
    wanted: list[tuple[str, Sequence[str], Sequence[str]]] = [("build", BUILD_GROUPS, _NEEDED_BY_LIBRARY)]
    wanted += [("test", SUITE_GROUPS, ("pytest",))] if settings.test_suite else []
    return [
        Problem(
            what=f"the dependency group {group!r} has no {package}",
            hint=f"add {package} to it, as in the pyproject.toml that this library came with, then: poetry lock",
        )
        for group, groups, packages in wanted
        for package in packages
        if package not in {locked.name for locked in lock.packages_of(groups)}
    ]


def suite_arguments(settings: ReleaseSettings, folder: Path) -> list[str]:
    """The environment for the app's own tests, which the verification runs on the finished binary."""
    if settings.test_suite is None:
        return []
    python = create_environment(settings, folder / "suite-environment", SUITE_GROUPS, is_kept=True)
    return ["--suite-python", str(python)]


def _build_options(platform_name: str, arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"nox -s build-{platform_name} --")
    parser.add_argument("--version", default=DEV, help="dev (the default), or v and the version of pyproject.toml")
    parser.add_argument("--python", metavar="VERSION", help="a patch release of the pinned Python, such as 3.13.5")
    parser.add_argument("--keep-going", action="store_true", help="run all checks even when one fails")
    parser.add_argument("--image", metavar="NAME", help="the container's image, where one is needed")
    return parser.parse_args(arguments)
