"""Stage 2, preflight: finds everything that would fail the build or break the binary, before the slow stages."""

import platform as running_platform
from collections.abc import Mapping
from typing import Final

from packaging.version import Version

from release_tools.distributions import InstalledEnvironment
from release_tools.errors import PreflightError, Problem
from release_tools.findings import Finding, allowance, stable_text
from release_tools.lockfile import LockFile, normalized_name
from release_tools.platforms import Platform
from release_tools.preflight.collisions import collision_problems
from release_tools.preflight.own_code import own_code_problems
from release_tools.preflight.path_files import path_file_notes, path_file_problems
from release_tools.preflight.patterns.import_hooks import import_hook_notes
from release_tools.preflight.wheels import check_wheels
from release_tools.reporting.records import CheckResult
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import did_you_mean
from release_tools.verification.check import allowance_notes
from release_tools.verification.checks import CHECKS

# Earlier releases have a vulnerability in the bootloader (GHSA-9fxf-4qw3-ghmr), or don't start from a shell that a
# frozen program started (pyinstaller issue 9512).
PYINSTALLER_FLOOR: Final = "6.22.3"

# The check name in `allowed-findings` for problems in the installed files.
CHECK_NAME: Final = "preflight"


def check_preflight(
    settings: ReleaseSettings,
    lock: LockFile,
    tools_lock: LockFile,
    installed: InstalledEnvironment,
    platform: Platform,
) -> CheckResult:
    """The result of preflight, with notes on what the settings allow.

    Raises `PreflightError` with all problems, if there are any.
    """
    contents = {
        stable_text(problem.what, [settings.root]): problem for problem in _content_problems(settings, installed)
    }
    allowed = {finding: entry for finding in contents if (entry := settings.allowing(CHECK_NAME, finding))}
    refused = {finding: problem for finding, problem in contents.items() if finding not in allowed}
    problems = [
        *_python_problems(settings),
        *_lock_difference_problems(installed),
        *_wheel_problems(settings, lock, tools_lock, platform),
        *_pyinstaller_problems(installed),
        *_license_problems(settings),
        *_whole_distribution_problems(settings, installed),
        *_allowed_finding_problems(settings),
        *(Problem(what=finding, hint=problem.hint) for finding, problem in refused.items()),
    ]
    if problems:
        raise PreflightError(platform.name, problems, allowance(CHECK_NAME, [Finding(text=text) for text in refused]))
    notes = (
        *allowance_notes(settings, CHECK_NAME, allowed),
        *path_file_notes(installed.dependencies),
        *import_hook_notes(installed.dependencies, settings.whole_distributions),
    )
    return CheckResult(name=CHECK_NAME, verdict="passed", figure=f"{len(installed.bundled)} distributions", notes=notes)


def _python_problems(settings: ReleaseSettings) -> list[Problem]:
    running, wanted = running_platform.python_version(), settings.python_version
    if running == wanted or running.startswith(f"{wanted}."):
        return []
    return [
        Problem(
            what=f"the environment has Python {running}, but .python-version pins {wanted}",
            hint="delete the build folder and run the session again",
        )
    ]


def _lock_difference_problems(installed: InstalledEnvironment) -> list[Problem]:
    own = normalized_name(installed.project_name)
    app = {name: one for name, one in installed.by_name.items() if name != own}
    return [
        Problem(
            what=f"the {which} differs from {lock}: {difference}",
            hint="something changed it during the build: run the session again",
        )
        for which, lock, locked, found in (
            ("environment", "poetry.lock", installed.for_app, app),
            ("tools' environment", "release_tools/poetry.lock", installed.for_tools, installed.tools_by_name),
        )
        for difference in _differences(locked, {name: one.version for name, one in found.items()})
    ]


def _differences(locked: Mapping[str, str], versions: Mapping[str, str]) -> list[str]:
    wrong = [
        f"{name} {versions.get(name, 'missing')}, locked {version}"
        for name, version in locked.items()
        if versions.get(name) != version
    ]
    return sorted([*wrong, *(f"{name} {versions[name]}, not locked" for name in versions if name not in locked)])


def _wheel_problems(
    settings: ReleaseSettings, lock: LockFile, tools_lock: LockFile, platform: Platform
) -> tuple[Problem, ...]:
    return check_wheels(settings, lock, tools_lock, platform).problems


def _pyinstaller_problems(installed: InstalledEnvironment) -> list[Problem]:
    found = installed.tools_by_name.get("pyinstaller")
    if found is not None and Version(found.version) >= Version(PYINSTALLER_FLOOR):
        return []
    return [
        Problem(
            what=f"PyInstaller {found.version if found else 'is missing'}; {PYINSTALLER_FLOOR} or later is required",
            hint=f"require pyinstaller>={PYINSTALLER_FLOOR} in release_tools/pyproject.toml, then run "
            "`poetry -C release_tools lock`",
        )
    ]


def _license_problems(settings: ReleaseSettings) -> list[Problem]:
    if (settings.root / "LICENSE").is_file():
        return []
    return [Problem(what="LICENSE is missing; every archive includes it", hint="add it beside pyproject.toml")]


def _whole_distribution_problems(settings: ReleaseSettings, installed: InstalledEnvironment) -> list[Problem]:
    return [
        Problem(
            what=f"whole-distributions names {name!r}, which isn't a locked dependency of the app on this platform",
            hint="use the name of a dependency as `poetry show` prints it",
        )
        for name in settings.whole_distributions
        if normalized_name(name) not in installed.for_app
    ]


def _allowed_finding_problems(settings: ReleaseSettings) -> list[Problem]:
    names = (CHECK_NAME, *(check.name for check in CHECKS))
    unknown = sorted({entry.check for entry in settings.allowed_findings} - set(names))
    return [
        Problem(
            what=f"unknown check {name!r} in allowed-findings of [tool.release-tools]{did_you_mean(name, names)}",
            hint=f"use a name from the table of checks that a build prints, or {CHECK_NAME!r}",
        )
        for name in unknown
    ]


def _content_problems(settings: ReleaseSettings, installed: InstalledEnvironment) -> list[Problem]:
    """Problems in the installed files of the project and its dependencies."""
    own = installed.by_name.get(normalized_name(settings.project_name))
    if own is None:
        return [
            Problem(
                what=f"the project itself, {settings.project_name}, isn't installed in the environment",
                hint="start the build with `nox -s build`, which installs the project's wheel",
            )
        ]
    return [
        *collision_problems(installed.by_name.values(), own),
        *own_code_problems(installed, settings.executable),
        *path_file_problems(own),
    ]
