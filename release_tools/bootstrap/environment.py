"""Locked environments: the pinned Python and exactly the packages of a lock, every file checked by hash.

A build has two, which is its first stage: the app's, which is frozen, and that of the tools, where this library runs.
Every session and task that needs a library runs inside one.
"""

import functools
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from release_tools.bootstrap.kept_environments import is_as_installed, is_made_from, key_of, record_installed
from release_tools.bootstrap.sdists import install_sdists
from release_tools.errors import (
    CommandFailedError,
    MissingPythonError,
    MissingToolError,
    ProgramEndedError,
    RequestError,
)
from release_tools.lockfile import ALL_TOOLS, BUILD_BACKENDS, SUITE_GROUPS, TOOLS_LOCK, lock_problems, read_lock_file
from release_tools.platforms import LINUX_MACHINES, Platform, host_platform
from release_tools.processes.run import EnvironmentChanges, capture, run
from release_tools.settings import ReleaseSettings
from release_tools.versions import BuildVersion


def isolation(environment: Iterable[str]) -> EnvironmentChanges:
    """Changes that remove the user's settings for Python and pytest from an environment.

    PYTHONSAFEPATH hides this library, PYTHONINSPECT waits for input, PYTHONOPTIMIZE changes what is bundled, and
    PYTEST_ADDOPTS can deselect tests.
    """
    names = {"VIRTUAL_ENV", "UV_PYTHON", *(name for name in environment if name.startswith(("PYTHON", "PYTEST_")))}
    return dict.fromkeys(names - {"PYTHONDONTWRITEBYTECODE"})


def without_environments(path: str) -> str:
    """A PATH without the folders of virtual environments, whose programs would stand in for missing ones."""
    return os.pathsep.join(
        folder for folder in path.split(os.pathsep) if not Path(folder).with_name("pyvenv.cfg").is_file()
    )


ISOLATED: Final[EnvironmentChanges] = isolation(os.environ)

# Installs only files whose hash is in a lock, and only wheels.
_ONLY_LOCKED: Final = ("--require-hashes", "--only-binary", ":all:")


def create_environment(
    settings: ReleaseSettings,
    folder: Path,
    groups: Sequence[str],
    *,
    is_kept: bool = False,
    is_reused: bool = False,
    platform: Platform | None = None,
    tools: Sequence[str] = (),
) -> Path:
    """Create an environment in `folder` with exactly these groups of the app's lock; returns its Python.

    An environment that `is_kept` is updated if it exists. One that `is_reused` stays if Python, the lock and all files
    are as they were, apart from the project, which is uninstalled. Otherwise it's created from scratch. For a
    `platform`, uv selects wheels that run on the oldest declared system, as the binary must; otherwise the best ones
    for this machine. A package without any wheel is built (`sdists.py`). `tools` are groups of the library's lock, of
    which what the app has too is left out.

    Raises `LockFileError`, `MissingPythonError`, `MissingToolError`, `SourceDistributionError`, or `ReportedError` if a
    package can't be installed or doesn't match its hash.
    """
    lock = read_lock_file(settings.lock_path)
    options, env = wheel_choice(settings, platform) if platform else ((), {})
    sdists = [package for package in lock.packages_of(groups) if package.has_only_sdists]
    requirements = lock.requirements(groups, without={package.name for package in sdists})
    if tools:
        own = {package.name for package in lock.packages_of(groups)}
        requirements += read_lock_file(TOOLS_LOCK).requirements(tools, without=own)
    interpreter = find_python(settings, platform)
    backends = read_lock_file(TOOLS_LOCK).requirements(BUILD_BACKENDS) if sdists else ""
    sources = "".join(lock.requirement(package, groups) for package in sdists)
    key = _key_of(interpreter, requirements, sources, backends, repr((options, env)))
    python = environment_python(folder)
    if is_reused and _is_reusable(settings, folder, key):
        return python
    _create(settings, folder, interpreter, is_kept=is_kept)
    _sync(settings, python, requirements, options, env)
    install = functools.partial(_uv_output, settings.root, "pip", "install", *_ONLY_LOCKED, "--python", str(python))
    install_sdists(lock, sdists, groups, folder, install)
    if not is_kept:
        record_installed(folder, key)
    return python


def create_tool_environment(
    settings: ReleaseSettings,
    folder: Path,
    groups: Sequence[str],
    *,
    is_kept: bool = False,
    is_reused: bool = False,
    platform: Platform | None = None,
) -> Path:
    """Create an environment in `folder` with exactly these groups of the library's lock; returns its Python.

    It has the Python that an app's environment for this `platform` has, and the best wheels for this machine: none of
    them is shipped.

    Raises the errors of `create_environment`.
    """
    requirements = read_lock_file(TOOLS_LOCK).requirements(groups)
    interpreter = find_python(settings, platform)
    key = _key_of(interpreter, requirements)
    if is_reused and is_as_installed(folder, key):
        return environment_python(folder)
    python = _create(settings, folder, interpreter, is_kept=is_kept)
    _sync(settings, python, requirements)
    if not is_kept:
        record_installed(folder, key)
    return python


def _key_of(interpreter: Path, *texts: str) -> str:
    """What decides the content of an environment: Python, uv, what it installs, and how."""
    how = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    return key_of([str(interpreter.resolve()), *texts, *how], [interpreter, Path(find_uv())])


def _is_reusable(settings: ReleaseSettings, folder: Path, key: str) -> bool:
    """Whether the environment is as it was installed, once the project is uninstalled."""
    if not is_made_from(folder, key):
        return False
    try:
        uninstall = ["pip", "uninstall", "--python", str(environment_python(folder)), settings.project_name]
        _uv_output(settings.root, *uninstall)
    except (CommandFailedError, ProgramEndedError):
        return False
    return is_as_installed(folder, key)


def _create(settings: ReleaseSettings, folder: Path, interpreter: Path, *, is_kept: bool) -> Path:
    python = environment_python(folder)
    if not (is_kept and python.exists() and _is_created_from(folder, interpreter)):
        # uv clears only folders that it recognizes as an environment.
        shutil.rmtree(folder, ignore_errors=True)
        _uv(settings.root, "venv", "--quiet", "--clear", "--python", str(interpreter), str(folder))
    return python


def _sync(
    settings: ReleaseSettings,
    python: Path,
    requirements: str,
    options: Sequence[str] = (),
    env: EnvironmentChanges | None = None,
) -> None:
    """Install exactly these requirements."""
    path = python.parents[1] / "requirements.txt"
    path.write_text(requirements, encoding="utf-8")
    _uv(settings.root, "pip", "sync", *_ONLY_LOCKED, *options, "--python", str(python), str(path), env=env)


def wheel_choice(settings: ReleaseSettings, platform: Platform) -> tuple[tuple[str, ...], EnvironmentChanges]:
    """The options and environment that make uv select wheels for the oldest declared system.

    By default it prefers wheels for this machine's newer glibc, and the binary would start on newer systems only.
    """
    if platform.os == "linux" and settings.glibc_floor:
        name = f"{LINUX_MACHINES[platform.arch]}-manylinux_{settings.glibc_floor.replace('.', '_')}"
        return ("--python-platform", name), {}
    if platform.os == "darwin" and settings.macos_minimum:
        name = f"{LINUX_MACHINES[platform.arch]}-apple-darwin"
        return ("--python-platform", name), {"MACOSX_DEPLOYMENT_TARGET": settings.macos_minimum}
    return (), {}


def install_project(
    settings: ReleaseSettings, python: Path, tools: Path, version: BuildVersion, wheel_folder: Path
) -> None:
    """Build the project's wheel with the tools' build backend, and install it under the exact version for `python`.

    So the binary contains what the wheel contains.
    """
    shutil.rmtree(wheel_folder, ignore_errors=True)
    settings_args = ["--config-setting", f"local-version={version.local_part}"] if version.local_part else []
    build_args = ["--wheel", "--no-build-isolation", "--python", str(tools), "--out-dir", str(wheel_folder)]
    _uv(settings.root, "build", "--quiet", "--no-create-gitignore", *build_args, *settings_args)
    install_wheel(settings, python, wheel_folder)


def install_wheel(settings: ReleaseSettings, python: Path, wheel_folder: Path) -> None:
    """Install the project's wheel in this folder for `python`, without dependencies."""
    wheels = [str(path) for path in wheel_folder.glob("*.whl")]
    _uv(settings.root, "pip", "install", "--quiet", "--no-deps", "--no-index", "--python", str(python), *wheels)


def tool_environment(root: Path, name: str, groups: Sequence[str]) -> Path:
    """Create or update a kept environment with these groups of the library's lock; returns its Python.

    Raises `RequestError` if a lock is stale, and the errors of `create_environment`.
    """
    settings = _load_current(root, name)
    return create_tool_environment(settings, _kept_folder(settings, name), groups, is_kept=True)


def source_environment(
    root: Path, name: str, groups: Sequence[str], *, with_tools: bool = False, with_project: bool = False
) -> Path:
    """Create or update a kept environment with these groups of the app's lock; returns its Python.

    `with_tools`, it also has what the library's lock has and the app's doesn't, to work on both at once.
    `with_project`, the project is installed too (editable).

    Raises the errors of `tool_environment`.
    """
    settings = _load_current(root, name)
    tools = ALL_TOOLS if with_tools else ()
    python = create_environment(settings, _kept_folder(settings, name), groups, is_kept=True, tools=tools)
    if with_project:
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--python", str(python)]
        _uv(root, "pip", "install", *options, "--editable", str(root))
    return python


def _load_current(root: Path, name: str) -> ReleaseSettings:
    settings = ReleaseSettings.load(root)
    problems = lock_problems(settings)
    if problems:
        raise RequestError(f"create the {name} environment", problems)
    return settings


def _kept_folder(settings: ReleaseSettings, name: str) -> Path:
    return settings.build_folder(host_platform().name) / name


def suite_arguments(settings: ReleaseSettings, folder: Path, *, is_reused: bool = True) -> list[str]:
    """The option with the Python for the app's own tests, in an environment in `folder`; empty without tests."""
    if settings.test_suite is None:
        return []
    python = create_environment(settings, folder / "suite-environment", SUITE_GROUPS, is_reused=is_reused)
    return ["--suite-python", str(python)]


def run_inside(root: Path, args: Sequence[str]) -> None:
    """Run a program of a locked environment, isolated from the user's Python settings."""
    run(args, cwd=root, env={**ISOLATED, "PYTHONUTF8": "1"})


def find_python(settings: ReleaseSettings, platform: Platform | None = None) -> Path:
    """An interpreter of the pinned version: uv's, the system's, the running one, or one that uv downloads.

    For darwin-amd64 on Apple silicon it's an x86_64 one, which macOS runs under Rosetta with everything it starts.

    Raises `MissingPythonError`.
    """
    wanted = settings.python_version
    is_translated = platform is not None and platform != host_platform()
    if is_translated:
        wanted = f"cpython-{wanted}-macos-x86_64-none"
    search = ["python", "find", "--system", "--no-python-downloads", wanted]
    try:
        return Path(_uv_output(settings.root, *search))
    except CommandFailedError:
        running = ".".join(str(part) for part in sys.version_info[:3])
        if not is_translated and (running == wanted or running.startswith(f"{wanted}.")):
            return Path(sys.base_prefix, *_python_parts(in_environment=False))
    try:
        _uv(settings.root, "python", "install", wanted)
        return Path(_uv_output(settings.root, *search))
    except (ProgramEndedError, CommandFailedError):
        raise MissingPythonError(wanted) from None


def _python_parts(*, in_environment: bool) -> tuple[str, ...]:
    if os.name == "nt":
        return ("Scripts", "python.exe") if in_environment else ("python.exe",)
    return ("bin", "python" if in_environment else "python3")


def environment_python(folder: Path) -> Path:
    """The path of an environment's Python; console scripts are in the same folder."""
    return folder.joinpath(*_python_parts(in_environment=True))


def _is_created_from(folder: Path, interpreter: Path) -> bool:
    configuration = folder / "pyvenv.cfg"
    # Missing after an interrupted creation.
    text = configuration.read_text(encoding="utf-8") if configuration.is_file() else ""
    home = re.search("^home = (.+)$", text, re.MULTILINE)
    # uv's path contains a symbolic link to its newest patch release.
    return home is not None and Path(home[1]).resolve() == interpreter.resolve().parent


def _uv(root: Path, *args: str, env: EnvironmentChanges | None = None) -> None:
    quiet = () if sys.stderr.isatty() or "--quiet" in args else ("--quiet",)
    run([find_uv(), *args, *quiet], cwd=root, env={**ISOLATED, **(env or {})})


def _uv_output(root: Path, *args: str, env: EnvironmentChanges | None = None) -> str:
    return capture([find_uv(), *args], cwd=root, env={**ISOLATED, **(env or {})}).strip()


def find_uv() -> str:
    """The uv that was installed together with Nox (`nox[uv]`), else the one on the PATH."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - installed only with `nox[uv]`
    except ImportError:
        found = shutil.which("uv")
        if found is None:
            raise MissingToolError("uv") from None
        return found
    return find_uv_bin()
