"""What the Nox sessions do that isn't a single program: build and reproduce."""

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from release_tools.archives import checksum_path, differing_members, sha256_of
from release_tools.bootstrap.build_request import BuildRequest, build_problems
from release_tools.bootstrap.containers import build_in_container
from release_tools.bootstrap.environment import (
    create_environment,
    create_tool_environment,
    find_python,
    find_uv,
    install_project,
    run_inside,
    suite_arguments,
)
from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.bootstrap.stages import done_line, stage_line
from release_tools.bootstrap.up_to_date import STAMP, delete_stamp, digest_of_inputs, unchanged_digest, write_stamp
from release_tools.errors import RequestError, UnreproducibleError
from release_tools.lockfile import APP_GROUPS, BUILD_TOOLS
from release_tools.platforms import find_platform, host_platform
from release_tools.repository import git, read_commit, require_commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import BuildVersion, archive_name, resolve_version


def build(root: Path, platform_name: str, arguments: Sequence[str]) -> None:
    """Build, verify and package the binary of a platform.

    Raises `RequestError` with every problem before any work, `BusyError` during another build, and the errors of the
    stages.
    """
    request = BuildRequest.parse(find_platform(platform_name), arguments)
    settings = _load_settings(root, request)
    commit = read_commit(root)
    version = resolve_version(request.version, settings.project_version, commit)
    options = ["--version", request.version, *(["--fail-fast"] if request.fail_fast else [])]
    python_option = ["--python", request.python] if request.python else []
    archive = settings.dist_folder / archive_name(settings.executable, version, request.platform)
    folder = settings.build_folder(platform_name)
    image = request.image or settings.container.image
    if image and request.needs_container:
        inner_options = [*options, *python_option, *(["--force"] if request.force else [])]
        build_in_container(settings, request.platform, image, (archive, folder / STAMP), inner_options)
        return

    settings = replace(settings, python_version=request.python or settings.python_version)

    def read_inputs() -> str | None:
        asked = [version.label, version.exact, *((commit.sha, str(commit.time)) if commit else ())]
        python, uv = find_python(settings, request.platform), Path(find_uv())
        return digest_of_inputs(settings, request.platform, asked, python=python, uv=uv, environment=os.environ)

    with exclusive_use(folder):
        # A version is always built again, from nothing but its commit and the locks.
        inputs = read_inputs() if version.is_dev else None
        left = (archive, checksum_path(archive), folder / "record.json")
        digest = None if inputs is None or request.force else unchanged_digest(settings, folder, inputs, left)
        if inputs is not None and digest is not None:
            # The new time shows the caller of a container that the session has run.
            write_stamp(settings, folder, inputs, left)
            print(f"up to date: {archive.relative_to(root).as_posix()} (sha256 {digest})", flush=True)
            print("nothing that the build reads has changed; build anyway with -- --force", flush=True)
            return
        delete_stamp(folder)
        _build(settings, request, version, options)
        # Files that changed during the build may or may not be in the binary.
        if inputs is not None and read_inputs() == inputs:
            write_stamp(settings, folder, inputs, left)
        elif version.is_dev:
            print("something that the build reads changed meanwhile, so the next build starts again", flush=True)


def _load_settings(root: Path, request: BuildRequest) -> ReleaseSettings:
    settings = ReleaseSettings.load(root)
    problems = build_problems(settings, request)
    if problems:
        raise RequestError(f"build {request.platform.name}", problems)
    return settings


def _build(
    settings: ReleaseSettings,
    request: BuildRequest,
    version: BuildVersion,
    options: Sequence[str],
    *,
    is_verified: bool = True,
) -> None:
    """Create the environments, and run the other stages in that of the tools, or only those before the verification."""
    platform, folder = request.platform, settings.build_folder(request.platform.name)
    print(stage_line("environment", ""), flush=True)
    started = time.monotonic()
    is_reused = version.is_dev
    python = create_environment(settings, folder / "environment", APP_GROUPS, is_reused=is_reused, platform=platform)
    tools = create_tool_environment(settings, folder / "tools", BUILD_TOOLS, is_reused=is_reused, platform=platform)
    install_project(settings, python, tools, version, folder / "wheel")
    verification = suite_arguments(settings, folder, is_reused=is_reused) if is_verified else ["--unverified"]
    seconds = time.monotonic() - started
    print(done_line("environment", seconds), flush=True)

    place = ["--platform", platform.name, "--environment-seconds", f"{seconds:.1f}", "--app-python", str(python)]
    run_inside(settings.root, [str(tools), "-m", "release_tools", "build", *options, *verification, *place])


def reproduce(root: Path) -> None:
    """Build the checked-out commit in two clones, in folders with different names, and compare the archives.

    The second clone is then built again from what its first build kept. No check runs: they don't change an archive.

    Raises `UnreproducibleError` with the members that differ, and the errors of a build.
    """
    commit = require_commit(root)
    work = ReleaseSettings.load(root).build_folder(host_platform().name) / "reproduce"
    shutil.rmtree(work, ignore_errors=True)
    clones = (work / "a", work / "in another folder")
    for clone in clones:
        clone.mkdir(parents=True)
        git(root, "clone", "--quiet", "--no-checkout", str(root), str(clone))
        git(clone, "checkout", "--quiet", "--detach", commit.sha)
    first, second = map(_package, clones)
    _require_same(first, second)
    _require_same(first, _package(clones[1]))
    print(f"{first.name}: three builds of {commit.sha[:7]} have sha256 {sha256_of(first)}", flush=True)


def _require_same(first: Path, second: Path) -> None:
    differing = differing_members(first, second)
    if differing:
        raise UnreproducibleError(first, second, differing)


def _package(root: Path) -> Path:
    """Build the archive of the dev version for this machine, without its verification."""
    request = BuildRequest(platform=host_platform())
    settings = _load_settings(root, request)
    version = resolve_version(request.version, settings.project_version, read_commit(root))
    with exclusive_use(settings.build_folder(request.platform.name)):
        _build(settings, request, version, ["--version", request.version], is_verified=False)
    return settings.staging_folder(request.platform.name) / archive_name(settings.executable, version, request.platform)
