"""Runs PyInstaller on the plan, and finds what its log says about a broken binary.

Freezes the app's environment; leaves the executables and PyInstaller's log in the freeze folder.
"""

import dataclasses
import json
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.distributions import InstalledEnvironment, site_packages
from release_tools.errors import FreezeError, KilledError
from release_tools.freeze import upx
from release_tools.freeze.log_messages import LogJudge
from release_tools.freeze.plan import PROBE_NAME, make_plan
from release_tools.freeze.selection import entry_point_modules
from release_tools.lockfile import LIBRARY
from release_tools.platforms import Platform
from release_tools.processes.run import EnvironmentChanges, run_logged
from release_tools.settings import ReleaseSettings

SPEC: Final = Path(__file__).with_name("freeze.spec")
STARTER: Final = Path(__file__).with_name("start_pyinstaller.py")
PLAN_VARIABLE: Final = "RELEASE_TOOLS_FREEZE_PLAN"
SCANS_VARIABLE: Final = "RELEASE_TOOLS_KEPT_SCANS"

_TK_LEFT_OUT: Final = (
    'left out: tkinter, which only optional code of dependencies imports; hidden-imports = ["tkinter"] bundles it'
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
    """The output of a freeze: the executable to ship, and its probe twin.

    `messages` are about what's missing, broken or not locked, and `notes` about what was left out. Of the `scans` of
    source files, `reused_scans` are from earlier builds.
    """

    executable: Path
    probe: Path
    messages: tuple[str, ...]
    notes: tuple[str, ...]
    scans: int = 0
    reused_scans: int = 0


def freeze(
    settings: ReleaseSettings,
    installed: InstalledEnvironment,
    platform: Platform,
    *,
    python: Path,
    folder: Path,
    source_date: int,
    kept_scans: Path | None,
    is_quick: bool = False,
    on_line: Callable[[str], None],
) -> Frozen:
    """Freeze the environment of `python` into an executable and its probe twin.

    `folder` is emptied first. `source_date` (seconds since 1970) is the only time in the binary. `kept_scans` is the
    file that keeps scans of source files between builds; None scans all of them. A binary that `is_quick` to build is
    larger.

    Raises `FreezeError` when PyInstaller fails, and `KilledError` when a signal kills it, for example because the
    machine runs out of memory.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plan = make_plan(settings, installed, platform, folder, is_quick=is_quick)
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
            SCANS_VARIABLE: str(kept_scans or ""),
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
    notes = json.loads(Path(plan.notes).read_text(encoding="utf-8"))
    own = installed.project
    judge = LogJudge(
        platform=platform,
        own_packages=own.packages,
        own_files=frozenset(str(own.locate(file.path)) for file in own.files),
        required={*settings.hidden_imports, *entry_point_modules([own], own)},
        excluded=settings.exclude_modules,
    )
    return Frozen(
        executable=folder / "output" / f"{settings.executable}{platform.executable_suffix}",
        probe=folder / "output" / f"{PROBE_NAME}{platform.executable_suffix}",
        messages=(*judge.fatal(lines), *_unowned_messages(notes["unowned_data"])),
        notes=(
            *([upx.describe(Path(plan.upx_report))] if plan.upx_report else []),
            *([_TK_LEFT_OUT] if notes["is_tk_left_out"] else []),
            *(f"missing from source too: {message}" for message in judge.missing_from_source(lines)),
        ),
        scans=notes["scans"],
        reused_scans=notes["reused_scans"],
    )


def scrub_environment(environment: Iterable[str], home: Path) -> EnvironmentChanges:
    """Changes that remove the user's variables and put an empty folder in place of the user's home.

    PyInstaller's hooks bundle what they find by variables such as NLTK_DATA, or below the home folder: the lock alone
    must decide what is bundled.
    """
    home.mkdir(parents=True)
    kept = {name for name in environment if name.upper() in _KEPT_VARIABLES or name.startswith("WINE")}
    return {**dict.fromkeys(set(environment) - kept), **dict.fromkeys(_HOME_VARIABLES, str(home))}


def _unowned_messages(unowned: Iterable[Sequence[str]]) -> list[str]:
    """One message for each top-level folder in the bundle, of pairs of a path in the bundle and one on disk."""
    by_folder: defaultdict[str, list[str]] = defaultdict(list)
    for path, source in unowned:
        by_folder[path.partition("/")[0]].append(source)
    return [
        f"data that no locked distribution owns: {folder} (files: {len(sources):,}; the first is {sources[0]})"
        for folder, sources in by_folder.items()
    ]


def _last_lines(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip()][-8:]
