"""Stage 2: everything about the environment that would fail the build or break the binary, listed before any work."""

import platform as running_platform
from typing import Final

from packaging.version import Version

from release_tools.distributions import InstalledEnvironment
from release_tools.errors import PreflightError, Problem
from release_tools.lockfile import LockFile, normalized_name
from release_tools.platforms import Platform
from release_tools.preflight.collisions import collision_problems
from release_tools.preflight.own_code import own_code_problems
from release_tools.preflight.wheels import check_wheels
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import did_you_mean
from release_tools.verification.checks import CHECKS

# Older ones have a security hole in the bootloader (GHSA-9fxf-4qw3-ghmr) or refuse to start from a shell that a frozen
# program started (pyinstaller issue 9512).
PYINSTALLER_FLOOR: Final = "6.22.3"

# The name under which `allowed-findings` lets through what is found in the installed files.
CHECK_NAME: Final = "preflight"


def check_preflight(
    settings: ReleaseSettings, lock: LockFile, installed: InstalledEnvironment, platform: Platform
) -> None:
    """Raises `PreflightError` with every problem found."""
    problems = [
        *_python_problems(settings),
        *_lock_difference_problems(installed),
        *_wheel_problems(settings, lock, platform),
        *_pyinstaller_problems(installed),
        *_license_problems(settings),
        *_whole_distribution_problems(settings, installed),
        *_allowed_finding_problems(settings),
        *_content_problems(settings, installed),
    ]
    if problems:
        raise PreflightError(platform.name, problems)


def _python_problems(settings: ReleaseSettings) -> list[Problem]:
    running, wanted = running_platform.python_version(), settings.python_version
    if running == wanted or running.startswith(f"{wanted}."):
        return []
    return [
        Problem(
            what=f"the environment has Python {running}, and .python-version says {wanted}",
            hint="remove the build folder and run the session again",
        )
    ]


def _lock_difference_problems(installed: InstalledEnvironment) -> list[Problem]:
    locked = installed.for_build
    own = normalized_name(installed.project_name)
    versions = {name: one.version for name, one in installed.by_name.items()}
    differences = [
        f"{name} {versions.get(name, 'not installed')}, locked {version}"
        for name, version in locked.items()
        if versions.get(name) != version
    ]
    differences += [f"{name} {versions[name]}, not locked" for name in versions if name not in {*locked, own}]
    return [
        Problem(
            what=f"the environment differs from poetry.lock: {difference}",
            hint="something else changed it while this ran; run the session again",
        )
        for difference in sorted(differences)
    ]


def _wheel_problems(settings: ReleaseSettings, lock: LockFile, platform: Platform) -> list[Problem]:
    return [*check_wheels(settings, lock, platform).problems]


def _pyinstaller_problems(installed: InstalledEnvironment) -> list[Problem]:
    found = installed.by_name.get("pyinstaller")
    if found is not None and Version(found.version) >= Version(PYINSTALLER_FLOOR):
        return []
    return [
        Problem(
            what=f"PyInstaller {found.version if found else 'is missing'}, and {PYINSTALLER_FLOOR} or later is needed",
            hint=f"add pyinstaller>={PYINSTALLER_FLOOR} to the dependency group `build`, then: poetry lock",
        )
    ]


def _license_problems(settings: ReleaseSettings) -> list[Problem]:
    if (settings.root / "LICENSE").is_file():
        return []
    return [Problem(what="there is no file LICENSE, which every archive carries", hint="add it beside pyproject.toml")]


def _whole_distribution_problems(settings: ReleaseSettings, installed: InstalledEnvironment) -> list[Problem]:
    return [
        Problem(
            what=f"whole-distributions names {name!r}, which poetry.lock does not want for the app on this platform",
            hint="name a dependency of the project by its distribution name, as `poetry show` prints it",
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
            hint=f"write its name as the table of checks after a build does, or {CHECK_NAME!r}",
        )
        for name in unknown
    ]


def _content_problems(settings: ReleaseSettings, installed: InstalledEnvironment) -> list[Problem]:
    """What is wrong with the installed files themselves, in the project and in what it depends on."""
    own = installed.by_name.get(normalized_name(settings.project_name))
    if own is None:
        return [
            Problem(
                what=f"the project itself, {settings.project_name}, is not installed in the environment",
                hint="start the build with `nox -s build`, which installs the project's wheel",
            )
        ]
    is_complete = installed.by_name.keys() >= installed.for_build.keys()
    found = [
        *collision_problems(installed.by_name.values(), own),
        *own_code_problems(own, installed.build_only_modules if is_complete else ()),
    ]
    allowed = [entry.finding for entry in settings.allowed_findings if entry.check == CHECK_NAME]
    return [
        Problem(
            what=problem.what,
            hint=f"{problem.hint}; where it is harmless, add to allowed-findings of [tool.release-tools] "
            f'{{check = "{CHECK_NAME}", finding = "a part of this message", reason = "…"}}',
        )
        for problem in found
        if not any(part in problem.what for part in allowed)
    ]
