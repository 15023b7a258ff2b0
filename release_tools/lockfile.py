"""The one reader of `poetry.lock`.

It serves the environment, the bundled metadata and licences, and the comparison of what is installed with what is
locked. The format is Poetry's lock version 2.1.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from release_tools.errors import LockFileError, Problem, ReleaseError
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import table_at

SUPPORTED_LOCK_VERSION = "2.1"

# What an environment for builds holds, exactly.
BUILD_GROUPS: Final = ("main", "build")

# What an environment for releasing holds: the library's own needs and the writer of release notes, nothing of the app.
RELEASE_GROUPS: Final = ("build", "release")

_DIGEST: Final = re.compile(r"sha(256|384|512):[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class LockedPackage:
    """One distribution at one version. `markers` maps a group to its environment marker, "" where it has none."""

    name: str
    version: str
    groups: frozenset[str]
    markers: tuple[tuple[str, str], ...]
    hashes: tuple[str, ...]
    file_names: tuple[str, ...]

    def marker_for(self, groups: Collection[str]) -> str:
        """The environment marker under which any of these groups needs the package; "" means always."""
        wanted = sorted({marker for group, marker in self.markers if group in groups})
        if "" in wanted:
            return ""
        return wanted[0] if len(wanted) == 1 else " or ".join(f"({marker})" for marker in wanted)


@dataclass(frozen=True, kw_only=True)
class LockFile:
    """What `poetry.lock` pins."""

    path: Path
    packages: tuple[LockedPackage, ...]
    content_hash: str

    def packages_of(self, groups: Collection[str]) -> tuple[LockedPackage, ...]:
        return tuple(package for package in self.packages if package.groups.intersection(groups))

    def requirements(self, groups: Collection[str]) -> str:
        """A requirements file for these groups: exact versions, environment markers, and the hash of every file."""
        return "".join(_requirement_line(package, groups) for package in self.packages_of(groups))


def normalized_name(name: str) -> str:
    """The comparison form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock_file(path: Path) -> LockFile:
    """Read and check `poetry.lock`.

    Raises `LockFileError` when it is missing, damaged, of another format, or names a package with no checkable file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LockFileError(path, "there is no such file", "make it with: poetry lock") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LockFileError(path, f"cannot be read ({error})") from None
    try:
        lock_version = content["metadata"]["lock-version"]
        if lock_version != SUPPORTED_LOCK_VERSION:
            raise LockFileError(path, f"has lock-version {lock_version}, not {SUPPORTED_LOCK_VERSION}")
        return LockFile(
            path=path,
            packages=tuple(_locked_package(path, entry) for entry in content.get("package", [])),
            content_hash=content["metadata"]["content-hash"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise LockFileError(path, f"is not laid out as Poetry writes it ({error!r})") from None


def lock_problems(settings: ReleaseSettings) -> list[Problem]:
    """Why nothing can be made from the lock as it is: it is missing, damaged or stale."""
    try:
        lock = read_lock_file(settings.lock_path)
    except ReleaseError as error:
        return [Problem(what=error.what, hint=error.hint)]
    if not is_stale(lock, settings.pyproject):
        return []
    return [
        Problem(
            what="poetry.lock is stale: the dependencies in pyproject.toml changed after it was made",
            hint="bring it up to date with `poetry lock`, and commit both files",
        )
    ]


def is_stale(lock: LockFile, pyproject: Mapping[str, Any]) -> bool:
    """Whether the dependencies in `pyproject.toml` were changed after the lock was made."""
    try:
        return lock.content_hash != content_hash(pyproject)
    except RecursionError:
        # Nothing that is nested that deep can have been locked.
        return True


def content_hash(pyproject: Mapping[str, Any]) -> str:
    """The digest under which Poetry 2 stores what it locked (`poetry.packages.locker.Locker._get_content_hash`)."""
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
        # Poetry keeps the absent legacy keys as nulls for projects that have neither of the standard tables.
        legacy = dict.fromkeys(("dependencies", "source", "extras", "dev-dependencies"))
        relevant = {**legacy, **from_poetry}
    # A date is nothing that Poetry could have locked.
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()


def _locked_package(path: Path, entry: Mapping[str, Any]) -> LockedPackage:
    name, version = entry["name"], entry["version"]
    source = entry.get("source", {}).get("type")
    files = entry.get("files", [])
    if source in {"git", "directory", "file", "url"} or not files:
        raise LockFileError(
            path,
            f"{name} {version} comes from {source or 'nowhere'}, so no file of it can be checked against a hash",
            f"depend on a release of {name} from a package index, then: poetry lock",
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
    )
    # Most of these become a part of a line that the installer reads.
    texts = (name, version, *(marker for _, marker in package.markers), *package.hashes, *package.file_names)
    are_texts = all(isinstance(text, str) and text.isprintable() for text in texts)
    if not are_texts or not all(map(_DIGEST.fullmatch, package.hashes)) or not _has_own_wheels(package):
        raise LockFileError(path, f"the package {name!r} {version!r} is not laid out as Poetry writes it")
    return package


def _has_own_wheels(package: LockedPackage) -> bool:
    wheels = (name for name in package.file_names if name.endswith(".whl"))
    return all(normalized_name(name.partition("-")[0]) == package.name for name in wheels)


def _requirement_line(package: LockedPackage, groups: Collection[str]) -> str:
    marker = package.marker_for(groups)
    condition = f" ; {marker}" if marker else ""
    hashes = "".join(f" \\\n    --hash={digest}" for digest in package.hashes)
    return f"{package.name}=={package.version}{condition}{hashes}\n"
