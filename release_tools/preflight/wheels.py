"""Finds locked packages that have no wheel for a platform, from the locks alone.

Downloads nothing and runs on any machine, so that a release fails before it starts, not in one of its five builds. Used
by `nox -s wheels`, by preflight for its own platform, and by a release for all five.
"""

import functools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from release_tools.errors import LockFileError, Problem, place_of_lock
from release_tools.lockfile import APP_GROUPS, BUILD_TOOLS, LockedPackage, LockFile
from release_tools.platforms import LINUX_MACHINES, PLATFORMS, Architecture, Platform
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import TABLE

# Without a limit in the settings, any release of the system is fine.
_ANY_GLIBC: Final = "2.99"
_ANY_MACOS: Final = "99.0"

# More patch releases than a Python version gets; about fifteen are usual.
_PATCHES: Final = range(31)

# Platform tags from before PEP 600, and the minor version of each architecture's oldest glibc.
_LEGACY_MANYLINUX: Final = {(2, 5): "manylinux1", (2, 12): "manylinux2010", (2, 17): "manylinux2014"}
_OLDEST_GLIBC: Final[dict[Architecture, int]] = {"amd64": 5, "arm64": 17}
_MACOS_MACHINES: Final[dict[Architecture, str]] = {"amd64": "x86_64", "arm64": "arm64"}
_WINDOWS_TAGS: Final[dict[Architecture, str]] = {"amd64": "win_amd64", "arm64": "win_arm64"}
_WINDOWS_MACHINES: Final[dict[Architecture, str]] = {"amd64": "AMD64", "arm64": "ARM64"}


@dataclass(frozen=True, kw_only=True)
class PlatformWheels:
    """The number of locked packages that a build for a platform installs, and the names of those without a wheel.

    `built` are the packages that no platform has a wheel of: their sdists are built.
    """

    platform: Platform
    package_count: int
    built: tuple[str, ...]
    missing: tuple[tuple[str, Problem], ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(problem for _, problem in self.missing)


def check_all_wheels(settings: ReleaseSettings, lock: LockFile, tools_lock: LockFile) -> tuple[PlatformWheels, ...]:
    """The missing wheels of each of the five platforms."""
    return tuple(check_wheels(settings, lock, tools_lock, platform) for platform in PLATFORMS)


def check_wheels(settings: ReleaseSettings, lock: LockFile, tools_lock: LockFile, platform: Platform) -> PlatformWheels:
    """The packages without a wheel for this platform, its Python, and the limits in the settings.

    The limits are for what is bundled; the tools just have to run on the machine that builds.
    """
    packages = packages_for(settings, lock, APP_GROUPS, platform)
    tools = packages_for(settings, tools_lock, BUILD_TOOLS, platform)
    python = _python_version(settings)
    supported = _tags(python, platform, settings.glibc_floor, settings.macos_minimum)
    unlimited = _tags(python, platform, None, None)
    missing = [
        (package.name, _missing_wheel_problem(settings, package, platform))
        for package in packages
        if not package.has_only_sdists and not _has_wheel(package, supported)
    ]
    missing += [
        (package.name, _missing_tool_problem(settings, tools_lock, package, platform))
        for package in tools
        if not _has_wheel(package, unlimited)
    ]
    return PlatformWheels(
        platform=platform,
        package_count=len(packages) + len(tools),
        built=tuple(package.name for package in packages if package.has_only_sdists),
        missing=tuple(missing),
    )


def print_wheels(settings: ReleaseSettings, rows: Sequence[PlatformWheels], console: Console) -> None:
    """Print a table with a row for each platform; the error that follows has the details."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("platform", "oldest system", "packages", "wheels"):
        table.add_column(column, no_wrap=column != "wheels", justify="right" if column == "packages" else "left")
    for row in rows:
        missing = ", ".join(name for name, _ in row.missing)
        built = f", built from source: {', '.join(row.built)}" if row.built else ""
        verdict = Text(f"missing: {missing}", "bold red") if missing else Text(f"all{built}", "green")
        table.add_row(row.platform.name, _oldest_system(settings, row.platform), str(row.package_count), verdict)
    console.print(table)


def _oldest_system(settings: ReleaseSettings, platform: Platform) -> str:
    match platform.os:
        case "darwin":
            return f"macOS {settings.macos_minimum or '(any)'}"
        case "linux":
            return f"glibc {settings.glibc_floor or '(any)'}"
        case "windows":
            return "Windows 10"


def packages_for(
    settings: ReleaseSettings, lock: LockFile, groups: Collection[str], platform: Platform
) -> tuple[LockedPackage, ...]:
    """The packages of these groups that a build for this platform installs.

    Raises `LockFileError` for an invalid environment marker.
    """
    environments = marker_environments(settings, platform)
    return tuple(package for package in lock.packages_of(groups) if _is_wanted(lock, package, groups, environments))


def marker_environments(settings: ReleaseSettings, platform: Platform) -> tuple[dict[str, str], ...]:
    """The values of environment markers on this platform (PEP 508).

    One set for the pinned Python, or one for each possible patch release if none is pinned.
    """
    pinned = settings.python_version
    versions = (pinned,) if pinned.count(".") > 1 else (f"{pinned}.{patch}" for patch in _PATCHES)
    return tuple(_marker_environment(settings, platform, full) for full in versions)


def _marker_environment(settings: ReleaseSettings, platform: Platform, full: str) -> dict[str, str]:
    major, minor = _python_version(settings)
    system, sys_platform, os_name, machine = {
        "darwin": ("Darwin", "darwin", "posix", _MACOS_MACHINES[platform.arch]),
        "linux": ("Linux", "linux", "posix", LINUX_MACHINES[platform.arch]),
        "windows": ("Windows", "win32", "nt", _WINDOWS_MACHINES[platform.arch]),
    }[platform.os]
    return {
        "extra": "",
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": os_name,
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": system,
        "platform_version": "",
        "python_full_version": full,
        "python_version": f"{major}.{minor}",
        "sys_platform": sys_platform,
    }


def _is_wanted(
    lock: LockFile, package: LockedPackage, groups: Collection[str], environments: Sequence[dict[str, str]]
) -> bool:
    marker = package.marker_for(groups)
    try:
        return not marker or any(Marker(marker).evaluate(dict(environment)) for environment in environments)
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        raise LockFileError(lock.path, f"{package.name} has an invalid environment marker {marker!r}") from None


def _python_version(settings: ReleaseSettings) -> tuple[int, int]:
    major, minor = settings.python_version.split(".")[:2]
    return int(major), int(minor)


@functools.cache
def _tags(python: tuple[int, int], platform: Platform, glibc: str | None, macos: str | None) -> frozenset[Tag]:
    """Every wheel tag that pip supports there (PEP 425, PEP 600); there are thousands."""
    interpreter = f"cp{python[0]}{python[1]}"
    platforms = _platform_tags(platform, _numbers(glibc or _ANY_GLIBC), _numbers(macos or _ANY_MACOS))
    specific = cpython_tags(python, abis=[interpreter], platforms=platforms)
    return frozenset([*specific, *compatible_tags(python, interpreter=interpreter, platforms=platforms)])


def _platform_tags(platform: Platform, glibc: tuple[int, int], macos: tuple[int, int]) -> list[str]:
    match platform.os:
        case "darwin":
            return list(mac_platforms(macos, _MACOS_MACHINES[platform.arch]))
        case "windows":
            return [_WINDOWS_TAGS[platform.arch]]
        case "linux":
            minors = range(_OLDEST_GLIBC[platform.arch], glibc[1] + 1)
            names = [f"manylinux_2_{minor}" for minor in minors]
            names += [_LEGACY_MANYLINUX[2, minor] for minor in minors if (2, minor) in _LEGACY_MANYLINUX]
            return [f"{name}_{LINUX_MACHINES[platform.arch]}" for name in [*names, "linux"]]


def _numbers(version: str) -> tuple[int, int]:
    major, minor = [*map(int, version.split(".")), 0][:2]
    return major, minor


def _wheels_of(package: LockedPackage) -> dict[str, frozenset[Tag]]:
    wheels = {}
    for name in package.file_names:
        try:
            wheels[name] = parse_wheel_filename(name)[3]
        except InvalidWheelFilename:
            # A source distribution, or a name that installers reject too.
            continue
    return wheels


def _has_wheel(package: LockedPackage, tags: frozenset[Tag]) -> bool:
    return any(tags & wheel_tags for wheel_tags in _wheels_of(package).values())


def _missing_wheel_problem(settings: ReleaseSettings, package: LockedPackage, platform: Platform) -> Problem:
    subject = f"{package.name} {package.version} has no wheel for {platform.name}"
    wheels = _wheels_of(package)
    unlimited = _tags(_python_version(settings), platform, None, None)
    newer = {tag.platform for tags in wheels.values() for tag in tags & unlimited}
    pin = _pin(package, platform)
    if newer:
        key, lowest, limit = _lowest_limit(platform, newer, settings)
        return Problem(
            what=f"{subject} with {key} {limit}: its wheels need {lowest} or later",
            hint=f"raise {key} in {TABLE} to {lowest}, or pin an older version for this platform, then run "
            f"`poetry lock`: {pin}",
        )
    python = _python_version(settings)
    others = [other.name for other in PLATFORMS if _has_wheel(package, _tags(python, other, None, None))]
    return Problem(
        what=f"{subject} and CPython {'.'.join(map(str, python))}; "
        f"it has wheels for {', '.join(others) or 'none of the five platforms'}",
        hint="pin the last version with a wheel for this platform, and a newer one for others with the opposite "
        f"marker, then run `poetry lock`: {pin}",
    )


def _missing_tool_problem(
    settings: ReleaseSettings, lock: LockFile, package: LockedPackage, platform: Platform
) -> Problem:
    folder, command = place_of_lock(lock.path)
    return Problem(
        what=f"{package.name} {package.version}, which the build needs, has no wheel for {platform.name} and "
        f"CPython {'.'.join(map(str, _python_version(settings)))}",
        hint=f"pin a version with one in {folder}pyproject.toml, then run `{command}`; or set another Python in "
        ".python-version",
    )


def _pin(package: LockedPackage, platform: Platform) -> str:
    """A requirement for this platform only, to paste into `[project] dependencies`."""
    sys_platform = "win32" if platform.os == "windows" else platform.os
    machines = {"darwin": _MACOS_MACHINES, "linux": LINUX_MACHINES, "windows": _WINDOWS_MACHINES}[platform.os]
    marker = f"sys_platform == '{sys_platform}' and platform_machine == '{machines[platform.arch]}'"
    return f'"{package.name}<{package.version}; {marker}"'


def _lowest_limit(platform: Platform, tags: set[str], settings: ReleaseSettings) -> tuple[str, str, str]:
    """The setting that is too low, the lowest value that works, and its current value."""
    versions = {(int(major), int(minor)) for major, minor in re.findall(r"_(\d+)_(\d+)_", " ".join(tags))}
    versions |= {version for version, name in _LEGACY_MANYLINUX.items() if any(tag.startswith(name) for tag in tags)}
    lowest = ".".join(map(str, min(versions)))
    if platform.os == "linux":
        return "glibc-floor", lowest, str(settings.glibc_floor)
    return "macos-minimum", lowest, str(settings.macos_minimum)
