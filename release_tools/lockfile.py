"""Reads `poetry.lock` (lock version 2.1) and turns it into requirements with hashes.

There are two: the app's, and that of this library, which no dependency of the app has to agree with.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from release_tools.errors import LockFileError, Problem, ReleaseError, place_of_lock
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import table_at

SUPPORTED_LOCK_VERSION = "2.1"

# A Poetry project of its own, so that it's copied with the library.
LIBRARY: Final = Path(__file__).parent
TOOLS_LOCK: Final = LIBRARY / "poetry.lock"

# The groups of the app's lock: what is frozen, and what runs the app's own tests.
APP_GROUPS: Final = ("main",)
SUITE_GROUPS: Final = ("main", "test")

# The groups of the library's lock: to build and verify, to release, to mirror, to package, and to start sessions and
# tasks.
BUILD_TOOLS: Final = ("build",)
RELEASE_TOOLS: Final = ("build", "release")
MIRROR_TOOLS: Final = ("build", "release", "mirror")
PACKAGE_TOOLS: Final = ("build", "release", "packages")
NOX_TOOLS: Final = ("nox",)
ALL_TOOLS: Final = ("build", "release", "mirror", "packages", "nox", "workflow")
# What the benchmark compares with: plain PyInstaller, and other tools.
PLAIN_TOOLS: Final = ("plain",)
PEER_TOOLS: Final = ("peers",)
# They build the wheels of dependencies that have none.
BUILD_BACKENDS: Final = ("backends",)

METADATA_SUFFIX: Final = ".dist-info"

_DIGEST: Final = re.compile(r"sha(256|384|512):[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class LockedPackage:
    """A locked distribution. `markers` maps each group to its environment marker, "" if it has none.

    `place` is the wheel's path in the project, or "" for a release from a package index.
    """

    name: str
    version: str
    groups: frozenset[str]
    markers: tuple[tuple[str, str], ...]
    hashes: tuple[str, ...]
    file_names: tuple[str, ...]
    place: str = ""

    @property
    def has_only_sdists(self) -> bool:
        return not any(name.endswith(".whl") for name in self.file_names)

    def marker_for(self, groups: Collection[str]) -> str:
        """The environment marker for which any of these groups needs the package; "" means always."""
        markers = sorted({marker for group, marker in self.markers if group in groups})
        if "" in markers:
            return ""
        return markers[0] if len(markers) == 1 else " or ".join(f"({marker})" for marker in markers)


@dataclass(frozen=True, kw_only=True)
class LockFile:
    """The content of a `poetry.lock`."""

    path: Path
    packages: tuple[LockedPackage, ...]
    content_hash: str

    def packages_of(self, groups: Collection[str]) -> tuple[LockedPackage, ...]:
        return tuple(package for package in self.packages if package.groups.intersection(groups))

    def requirements(self, groups: Collection[str], *, without: Collection[str] = ()) -> str:
        """A requirements file for these groups: exact versions, environment markers, and every file's hash.

        `without` are the names of packages to leave out.
        """
        packages = (package for package in self.packages_of(groups) if package.name not in without)
        return "".join(self.requirement(package, groups) for package in packages)

    def requirement(self, package: LockedPackage, groups: Collection[str]) -> str:
        """The line of one package in a requirements file."""
        wheel = (self.path.parent / package.place).resolve()
        found = f" @ {wheel.as_uri()}" if package.place else f"=={package.version}"
        marker = package.marker_for(groups)
        condition = f" ; {marker}" if marker else ""
        hashes = "".join(f" \\\n    --hash={digest}" for digest in package.hashes)
        return f"{package.name}{found}{condition}{hashes}\n"


def normalized_name(name: str) -> str:
    """A distribution's normalized name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution_of(metadata_folder: str) -> str:
    """The normalized name of the distribution with this metadata folder, `<name>-<version>.dist-info`.

    The name in it has no dash.
    """
    return normalized_name(metadata_folder.removesuffix(METADATA_SUFFIX).partition("-")[0])


def read_lock_file(path: Path) -> LockFile:
    """Read and check a `poetry.lock`.

    Raises `LockFileError` if it is missing, damaged, of another version, or locks a package without hashes.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LockFileError(path, "no such file") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LockFileError(path, f"cannot be read ({error})") from None
    try:
        lock_version = content["metadata"]["lock-version"]
        if lock_version != SUPPORTED_LOCK_VERSION:
            raise LockFileError(path, f"lock-version is {lock_version}, not {SUPPORTED_LOCK_VERSION}")
        return LockFile(
            path=path,
            packages=tuple(_locked_package(path, entry) for entry in content.get("package", [])),
            content_hash=content["metadata"]["content-hash"],
        )
    # ValueError: a path with a null byte.
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LockFileError(path, f"is not in Poetry's format ({error!r})") from None


def lock_problems(settings: ReleaseSettings) -> list[Problem]:
    """Why the app's lock or the library's can't be installed: it is missing, damaged or stale."""
    return [*_lock_problems(settings.lock_path, settings.pyproject), *tools_lock_problems()]


def tools_lock_problems() -> list[Problem]:
    """Why the library's lock can't be installed."""
    path = TOOLS_LOCK.with_name("pyproject.toml")
    try:
        pyproject = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = f"copy {LIBRARY.name}/ again from the project that it came from"
        return [Problem(what=f"{LIBRARY.name}/{path.name} cannot be read ({error})", hint=hint)]
    return _lock_problems(TOOLS_LOCK, pyproject)


def _lock_problems(path: Path, pyproject: Mapping[str, Any]) -> list[Problem]:
    try:
        lock = read_lock_file(path)
    except ReleaseError as error:
        return [Problem(what=error.what, hint=error.hint)]
    if not is_stale(lock, pyproject):
        return []
    folder, command = place_of_lock(path)
    return [
        Problem(
            what=f"{folder}poetry.lock is stale: the dependencies in {folder}pyproject.toml have changed since",
            hint=f"update it with `{command}`, and commit both files",
        )
    ]


def is_stale(lock: LockFile, pyproject: Mapping[str, Any]) -> bool:
    """Whether the dependencies in `pyproject.toml` changed after locking."""
    try:
        return lock.content_hash != content_hash(pyproject)
    except RecursionError:
        # Poetry could not have locked anything nested that deeply.
        return True


def content_hash(pyproject: Mapping[str, Any]) -> str:
    """The `content-hash` that Poetry 2 computes (`poetry.packages.locker.Locker._get_content_hash`)."""
    project = table_at(pyproject, "project")
    groups = table_at(pyproject, "dependency-groups")
    poetry = table_at(pyproject, "tool", "poetry")
    from_project = {
        key: project[key] for key in ("requires-python", "dependencies", "optional-dependencies") if key in project
    }
    from_poetry = {
        key: poetry[key] for key in ("dependencies", "source", "extras", "dev-dependencies", "group") if key in poetry
    }
    relevant: dict[str, Any] = {}
    if from_project:
        relevant["project"] = from_project
    if groups:
        relevant["dependency-groups"] = groups
    if relevant:
        relevant["tool"] = {"poetry": from_poetry}
    else:
        # Without either standard table, Poetry hashes absent legacy keys as nulls.
        legacy = dict.fromkeys(("dependencies", "source", "extras", "dev-dependencies"))
        relevant = {**legacy, **from_poetry}
    # `default` for dates, which Poetry could not have locked.
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()


def _locked_package(path: Path, entry: Mapping[str, Any]) -> LockedPackage:
    name, version = entry["name"], entry["version"]
    source = entry.get("source", {}).get("type")
    files = entry.get("files", [])
    place = _place_in_project(path, name, entry["source"]["url"]) if source == "file" else ""
    if source in {"git", "directory", "url"} or not files:
        raise LockFileError(
            path,
            f"{name} {version} comes from {source or 'nowhere'}, so its files have no hashes to check",
            f"depend on a release of {name} from a package index, then run: {place_of_lock(path)[1]}",
        )
    groups = frozenset(entry.get("groups", ["main"]))
    markers = entry.get("markers", "")
    by_group = markers if isinstance(markers, dict) else dict.fromkeys(groups, markers)
    package = LockedPackage(
        name=normalized_name(name),
        version=version,
        groups=groups,
        markers=tuple((group, by_group.get(group, "")) for group in sorted(groups)),
        hashes=tuple(file["hash"] for file in files),
        file_names=tuple(file["file"] for file in files),
        place=place,
    )
    # Most of these go into a requirements file, where a line break would add options.
    values = (name, version, *(marker for _, marker in package.markers), *package.hashes, *package.file_names)
    are_printable = all(isinstance(value, str) and value.isprintable() for value in values)
    if not are_printable or not all(map(_DIGEST.fullmatch, package.hashes)) or not _has_only_own_wheels(package):
        raise LockFileError(path, f"the package {name!r} {version!r} is not in Poetry's format")
    return package


def _place_in_project(lock: Path, name: str, url: str) -> str:
    """The path of a wheel in the project. Raises `LockFileError` if it isn't one, or is missing."""
    root = lock.parent.resolve()
    wheel = (root / url).resolve()
    if not wheel.is_relative_to(root) or wheel.suffix != ".whl":
        raise LockFileError(
            lock,
            f"{name} comes from {url}, which is not a wheel in the project's folder",
            "put its wheel into a folder of the project, and name it in [tool.poetry.dependencies]: "
            f'{name} = {{ path = "wheels/….whl" }}; then run: {place_of_lock(lock)[1]}',
        )
    if not wheel.is_file():
        raise LockFileError(lock, f"{name} comes from {url}, and there is no such file", "commit the wheel to git")
    return wheel.relative_to(root).as_posix()


def _has_only_own_wheels(package: LockedPackage) -> bool:
    wheels = (name for name in package.file_names if name.endswith(".whl"))
    return all(normalized_name(name.partition("-")[0]) == package.name for name in wheels)
