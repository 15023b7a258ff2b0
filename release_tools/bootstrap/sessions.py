"""What the Nox sessions do that isn't a single program: build and reproduce."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from release_tools.archives import differing_members, sha256_of
from release_tools.bootstrap.build_request import BuildRequest, build_problems
from release_tools.bootstrap.containers import build_in_container
from release_tools.bootstrap.environment import (
    create_environment,
    create_tool_environment,
    install_project,
    run_inside,
    suite_arguments,
)
from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.bootstrap.stages import done_line, stage_line
from release_tools.errors import NoCommitError, RequestError, UnreproducibleError
from release_tools.lockfile import APP_GROUPS, BUILD_TOOLS
from release_tools.platforms import find_platform, host_platform
from release_tools.repository import git, read_commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import archive_name, resolve_version


def build(root: Path, platform_name: str, arguments: Sequence[str]) -> None:
    """Build, verify and package the binary of a platform.

    Raises `RequestError` with every problem before any work, `BusyError` during another build, and the errors of the
    stages.
    """
    request = BuildRequest.parse(find_platform(platform_name), arguments)
    settings = ReleaseSettings.load(root)
    problems = build_problems(settings, request)
    if problems:
        raise RequestError(f"build {platform_name}", problems)
    version = resolve_version(request.version, settings.project_version, read_commit(root))
    options = ["--version", request.version, *(["--fail-fast"] if request.fail_fast else [])]
    python_option = ["--python", request.python] if request.python else []
    image = request.image or settings.container.image
    if image and request.needs_container:
        archive = settings.dist_folder / archive_name(settings.executable, version, request.platform)
        build_in_container(settings, request.platform, image, archive, [*options, *python_option])
        return

    settings = replace(settings, python_version=request.python or settings.python_version)
    folder = settings.build_folder(platform_name)
    with exclusive_use(folder):
        print(stage_line("environment", ""), flush=True)
        started = time.monotonic()
        python = create_environment(
            settings, folder / "environment", APP_GROUPS, is_kept=False, platform=request.platform
        )
        tools = create_tool_environment(
            settings, folder / "tools", BUILD_TOOLS, is_kept=False, platform=request.platform
        )
        install_project(settings, python, tools, version, folder / "wheel")
        options += suite_arguments(settings, folder)
        seconds = time.monotonic() - started
        print(done_line("environment", seconds), flush=True)

        options += ["--platform", platform_name, "--environment-seconds", f"{seconds:.1f}", "--app-python", str(python)]
        run_inside(root, [str(tools), "-m", "release_tools", "build", *options])


def reproduce(root: Path) -> None:
    """Build the checked-out commit in two clones, in folders with different names, and compare the archives.

    Raises `UnreproducibleError` with the members that differ, and the errors of a build.
    """
    commit = read_commit(root)
    if commit is None:
        raise NoCommitError(root)
    host = host_platform()
    work = ReleaseSettings.load(root).build_folder(host.name) / "reproduce"
    shutil.rmtree(work, ignore_errors=True)
    first = _build_in_clone(root, work / "a", commit.sha, host.name)
    second = _build_in_clone(root, work / "in another folder", commit.sha, host.name)
    differing = differing_members(first, second)
    if differing:
        raise UnreproducibleError(first, second, differing)
    print(f"{first.name}: two builds of {commit.sha[:7]} have sha256 {sha256_of(first)}", flush=True)


def _build_in_clone(root: Path, clone: Path, sha: str, platform_name: str) -> Path:
    clone.mkdir(parents=True)
    git(root, "clone", "--quiet", "--no-checkout", str(root), str(clone))
    git(clone, "checkout", "--quiet", "--detach", sha)
    build(clone, platform_name, [])
    return next(path for path in (clone / "dist").iterdir() if path.suffix != ".sha256")
