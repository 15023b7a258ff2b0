"""Runs PyInstaller on the plan, and finds what its log says about a broken binary.

Freezes the app's environment; leaves the executables and PyInstaller's log in the freeze folder.
"""

import dataclasses
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.binaries.system_libraries import is_system_library
from release_tools.distributions import InstalledEnvironment, site_packages
from release_tools.errors import FreezeError, KilledError
from release_tools.freeze.plan import PROBE_NAME, make_plan
from release_tools.lockfile import LIBRARY
from release_tools.platforms import Platform
from release_tools.processes.run import EnvironmentChanges, run_logged
from release_tools.settings import ReleaseSettings

SPEC: Final = Path(__file__).with_name("freeze.spec")
STARTER: Final = Path(__file__).with_name("start_pyinstaller.py")
PLAN_VARIABLE: Final = "RELEASE_TOOLS_FREEZE_PLAN"

# PyInstaller only logs these and exits with 0, but each means that the binary fails in use.
FATAL_MESSAGES: Final = (
    r"Hidden import .* not found",
    r"Library not found: could not resolve",
    r"Failed to run (strip|upx)",
    r"Failed to collect submodules",
    r"Failed to process hook",
    r"[Ii]nvalid or incompatible macOS SDK",
    r"Error while signing",
    r"(Syntax|Sytnax) error while compiling",
    r"required via ctypes not found",
)


# What a program needs to run at all, and how Apple's tools are found. Wine needs its own.
_KEPT_VARIABLES: Final = frozenset(
    {"PATH", "TMPDIR", "TEMP", "TMP", "PYTHONDONTWRITEBYTECODE"}
    | {"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"}
    | {"DEVELOPER_DIR", "SDKROOT", "MACOSX_DEPLOYMENT_TARGET"}
)
_HOME_VARIABLES: Final = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """The output of a freeze: the executable to ship, its probe twin, and the log's messages about broken parts."""

    executable: Path
    probe: Path
    messages: tuple[str, ...]


def freeze(
    settings: ReleaseSettings,
    installed: InstalledEnvironment,
    platform: Platform,
    *,
    python: Path,
    folder: Path,
    source_date: int,
    on_line: Callable[[str], None],
) -> Frozen:
    """Freeze the environment of `python` into an executable and its probe twin.

    `folder` is emptied first. `source_date` (seconds since 1970) is the only time in the binary.

    Raises `FreezeError` when PyInstaller fails, and `KilledError` when a signal kills it, for example because the
    machine runs out of memory.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plan = make_plan(settings, installed, platform, folder)
    plan_path = folder / "plan.json"
    plan_path.write_text(json.dumps(dataclasses.asdict(plan), indent=1), encoding="utf-8")
    log = folder / "pyinstaller.log"
    locations = ["--distpath", str(folder / "output"), "--workpath", str(folder / "work")]
    tools = [site_packages(Path(sys.prefix)), str(LIBRARY.parent)]
    # -P: the script's folder isn't put on the path.
    starter = [str(python), "-P", str(STARTER), *tools]
    command = [*starter, "--noconfirm", "--clean", *locations, str(SPEC)]
    code = run_logged(
        command,
        cwd=folder,
        env={
            **scrub_environment(os.environ, folder / "home"),
            PLAN_VARIABLE: str(plan_path),
            # The hooks open files without naming an encoding.
            "PYTHONUTF8": "1",
            "PYTHONHASHSEED": "0",
            "SOURCE_DATE_EPOCH": str(source_date),
            "PYINSTALLER_CONFIG_DIR": str(folder / "cache"),
            "PYINSTALLER_STRICT_COLLECT_MODE": "1",
            "PYINSTALLER_STRICT_BUNDLE_CODESIGN_ERROR": "1",
            "PYINSTALLER_VERIFY_BUNDLE_SIGNATURE": "1",
        },
        log=log,
        on_line=on_line,
    )
    lines = log.read_text(encoding="utf-8").splitlines()
    if code < 0:
        raise KilledError(command, -code)
    if code != 0:
        raise FreezeError(_last_lines(lines), log, "see the end of the log for the module or hook that failed")
    expected = {*plan.hidden_imports, *(module for one in installed.bundled for module in one.modules)}
    return Frozen(
        executable=folder / "output" / f"{settings.executable}{platform.executable_suffix}",
        probe=folder / "output" / f"{PROBE_NAME}{platform.executable_suffix}",
        messages=tuple(
            message
            for message in fatal_messages(lines, platform)
            if not names_unexpected_module(message, expected, installed.project.packages)
        ),
    )


def scrub_environment(environment: Iterable[str], home: Path) -> EnvironmentChanges:
    """Changes that remove the user's variables and put an empty folder in place of the user's home.

    PyInstaller's hooks bundle what they find by variables such as NLTK_DATA, or below the home folder: the lock alone
    must decide what is bundled.
    """
    home.mkdir(parents=True)
    kept = {name for name in environment if name.upper() in _KEPT_VARIABLES or name.startswith("WINE")}
    return {**dict.fromkeys(set(environment) - kept), **dict.fromkeys(_HOME_VARIABLES, str(home))}


def fatal_messages(lines: Iterable[str], platform: Platform) -> list[str]:
    """The distinct log messages that mean a broken binary on this platform."""
    fatal = re.compile("|".join(FATAL_MESSAGES))
    messages = dict.fromkeys(line.split(": ", 1)[-1] for line in lines if fatal.search(line))
    return [
        message
        for message in messages
        if not _names_library_of_another_system(message, platform) and not _names_windows_library(message, platform)
    ]


def names_unexpected_module(finding: str, expected: Collection[str], own_packages: Collection[str]) -> bool:
    """Whether a log message is about a hidden import of a module that is missing from source too.

    PyInstaller's hooks name modules of optional dependencies and of other releases. `expected` are the modules of the
    bundled distributions and those that the plan names. If the missing module belongs to the app, the hook is the app's
    own, and it's a bug; a module that Python should have is missing from a damaged Python.
    """
    named = re.match(r'Hidden import "([\w.]+)" not found', finding)
    if named is None or named[1] in expected:
        return False
    return named[1].partition(".")[0] not in {*own_packages, *sys.stdlib_module_names}


def _names_library_of_another_system(finding: str, platform: Platform) -> bool:
    """Whether it is about a Windows library: portable code names shell32 and the like, but loads it only there."""
    named = re.match(r"Library (\w+?)(\.dll)? required via ctypes not found", finding)
    return named is not None and platform.os != "windows" and is_system_library(f"{named[1]}.dll", "windows")


def _names_windows_library(finding: str, platform: Platform) -> bool:
    """Whether it is about a library that Windows itself resolves: most names in an API set aren't files."""
    named = re.match(r"Library not found: could not resolve '([^']+)'", finding)
    return named is not None and platform.os == "windows" and is_system_library(named[1], "windows")


def _last_lines(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip()][-8:]
