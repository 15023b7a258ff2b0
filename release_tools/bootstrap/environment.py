"""Stage 1: a virtual environment with the pinned Python and exactly what `poetry.lock` names, every file checked
against its hash. Runs in Nox's interpreter, before any environment exists, and leaves the environment's Python.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from release_tools.errors import CommandFailedError, MissingPythonError, MissingToolError, ProgramEndedError
from release_tools.lockfile import read_lock_file
from release_tools.platforms import Architecture, Platform, host_platform
from release_tools.processes.run import EnvironmentChanges, capture, run
from release_tools.settings import ReleaseSettings
from release_tools.versions import BuildVersion


def isolation(environment: Iterable[str]) -> EnvironmentChanges:
    """What takes the variables out of an environment that would let the caller's own settings into ours.

    Of Python's own all: PYTHONSAFEPATH hides this library, PYTHONINSPECT waits for a person, PYTHONOPTIMIZE changes
    what is bundled. And pytest's: PYTEST_ADDOPTS can leave out the very tests that are to prove something.
    """
    names = {"VIRTUAL_ENV", "UV_PYTHON", *(name for name in environment if name.startswith(("PYTHON", "PYTEST_")))}
    # A wish about the disk, which changes nothing else.
    return dict.fromkeys(names - {"PYTHONDONTWRITEBYTECODE"})


ISOLATED: Final[EnvironmentChanges] = isolation(os.environ)

_MACHINES_OF_UV: Final[dict[Architecture, str]] = {"amd64": "x86_64", "arm64": "aarch64"}


def create_environment(
    settings: ReleaseSettings, folder: Path, groups: Sequence[str], *, is_kept: bool, platform: Platform | None = None
) -> Path:
    """Make `folder` hold exactly the locked packages of `groups`; returns its Python.

    An environment that `is_kept` is brought up to date when it exists, any other is made anew. Where a `platform` is
    named, of several wheels of a package one is taken that runs on the oldest system declared for that platform, as
    its binary has to; otherwise the one that suits this machine best. Nothing is compiled: what a source archive wants
    for that is covered by no hash.

    Raises `LockFileError`, `MissingPythonError`, `MissingToolError`, or `CommandFailedError` when a package cannot be
    installed or is not what its hash says.
    """
    requirements = read_lock_file(settings.lock_path).requirements(groups)
    interpreter = find_python(settings, platform)
    python = environment_python(folder)
    if not (is_kept and python.exists() and _is_made_from(folder, interpreter)):
        # Here and not by uv, which clears only what it takes for an environment.
        shutil.rmtree(folder, ignore_errors=True)
        _uv(settings.root, "venv", "--quiet", "--clear", "--python", str(interpreter), str(folder))
    requirements_path = folder / "requirements.txt"
    requirements_path.write_text(requirements, encoding="utf-8")
    options, env = wheel_choice(settings, platform) if platform else ((), {})
    args = ["--require-hashes", "--only-binary", ":all:", *options, "--python", str(python), str(requirements_path)]
    _uv(settings.root, "pip", "sync", *args, env=env)
    return python


def wheel_choice(settings: ReleaseSettings, platform: Platform) -> tuple[tuple[str, ...], EnvironmentChanges]:
    """The options and the environment by which uv takes wheels for the oldest declared system.

    A Linux wheel for a newer glibc than the floor would be the best match on a new build machine, and the binary
    would start on new machines only.
    """
    if platform.os == "linux" and settings.glibc_floor:
        name = f"{_MACHINES_OF_UV[platform.arch]}-manylinux_{settings.glibc_floor.replace('.', '_')}"
        return ("--python-platform", name), {}
    if platform.os == "darwin" and settings.macos_minimum:
        name = f"{_MACHINES_OF_UV[platform.arch]}-apple-darwin"
        return ("--python-platform", name), {"MACOSX_DEPLOYMENT_TARGET": settings.macos_minimum}
    return (), {}


def install_project(settings: ReleaseSettings, python: Path, version: BuildVersion, wheel_folder: Path) -> None:
    """Build the project's wheel with the locked build back end and install it, as a user of the wheel would.

    What is frozen is therefore what the wheel holds, under the exact version.
    """
    shutil.rmtree(wheel_folder, ignore_errors=True)
    settings_args = ["--config-setting", f"local-version={version.local_part}"] if version.local_part else []
    build_args = ["--wheel", "--no-build-isolation", "--python", str(python), "--out-dir", str(wheel_folder)]
    _uv(settings.root, "build", "--quiet", "--no-create-gitignore", *build_args, *settings_args)
    wheels = [str(path) for path in wheel_folder.glob("*.whl")]
    _uv(settings.root, "pip", "install", "--quiet", "--no-deps", "--no-index", "--python", str(python), *wheels)


def install_editable(settings: ReleaseSettings, python: Path) -> None:
    """Install the project from its folder, so that tests see every edit."""
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--python", str(python)]
    _uv(settings.root, "pip", "install", *options, "--editable", str(settings.root))


def find_python(settings: ReleaseSettings, platform: Platform | None = None) -> Path:
    """An interpreter of the pinned version: uv's own, the system's, the one running this, or one that uv can fetch.

    For Intel Macs on Apple silicon it is an x86_64 one, and macOS runs it and all that it starts under Rosetta.

    Raises `MissingPythonError`, which says how to get one.
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
        raise MissingPythonError(wanted, "searched the PATH, and uv could not fetch it") from None


def _python_parts(*, in_environment: bool) -> tuple[str, ...]:
    if os.name == "nt":
        return ("Scripts", "python.exe") if in_environment else ("python.exe",)
    return ("bin", "python" if in_environment else "python3")


def environment_python(folder: Path) -> Path:
    """Where the Python of an environment is; the console scripts lie beside it."""
    return folder.joinpath(*_python_parts(in_environment=True))


def _is_made_from(folder: Path, interpreter: Path) -> bool:
    configuration = folder / "pyvenv.cfg"
    # It is not there when the making of the environment was interrupted.
    text = configuration.read_text(encoding="utf-8") if configuration.is_file() else ""
    home = re.search("^home = (.+)$", text, re.MULTILINE)
    # Both resolved: uv writes the link that stands for its newest patch release.
    return home is not None and Path(home[1]).resolve() == interpreter.resolve().parent


def _uv(root: Path, *args: str, env: EnvironmentChanges | None = None) -> None:
    quiet = () if sys.stderr.isatty() or "--quiet" in args else ("--quiet",)
    run([find_uv(), *args, *quiet], cwd=root, env={**ISOLATED, **(env or {})})


def _uv_output(root: Path, *args: str) -> str:
    return capture([find_uv(), *args], cwd=root, env=ISOLATED).strip()


def find_uv() -> str:
    """The uv that `pip install "nox[uv]"` put beside Nox, else the one on the PATH."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - there only where Nox was installed with it
    except ImportError:
        found = shutil.which("uv")
        if found is None:
            raise MissingToolError("uv", 'install Nox together with it: python -m pip install "nox[uv]"') from None
        return found
    return find_uv_bin()
