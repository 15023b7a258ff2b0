"""The manifests of a mirror, `versions.json` and `latest.json`: what installers, packages and updaters read.

`versions.json` has every version, and says which one each channel offers. `latest.json` is a copy of its newest stable
version, so that a download page needs one small request. Both have one key per line, in the order of the fields below.

A reader ignores keys that it doesn't know. A change that it mustn't ignore increments `schema`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, Self, get_args

from packaging.version import InvalidVersion, Version

from release_tools.errors import Problem
from release_tools.releasing.errors import ManifestError, UnknownVersionError, YankedVersionError
from release_tools.releasing.release_versions import is_prerelease

SCHEMA: Final = 1
VERSIONS_NAME: Final = "versions.json"
LATEST_NAME: Final = "latest.json"

# The pre-release channel offers the newest version of all, which may be a stable one.
Channel = Literal["stable", "prerelease"]
FileKind = Literal["archive", "checksum", "installer", "package"]

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, kw_only=True)
class MirroredFile:
    """A file of a version. `platform` is None for a file that isn't made for one, such as an installer."""

    name: str
    kind: FileKind
    platform: str | None
    url: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class MirroredVersion:
    """A version and its files. `date` is when it was published, in UTC: `2026-01-31T12:00:00Z`.

    `yank_reason` is "" unless the version was yanked with a reason.
    """

    version: str
    date: str
    channel: Channel
    yanked: bool
    yank_reason: str
    files: tuple[MirroredFile, ...]

    @property
    def parsed(self) -> Version:
        return Version(self.version)

    def archive(self, platform_name: str) -> MirroredFile | None:
        """The archive for a platform, or None if there is none."""
        found = (file for file in self.files if file.kind == "archive" and file.platform == platform_name)
        return next(found, None)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of `versions.json`. `name` is the executable's; the newest version comes first.

    `revision` grows with each change, so that an outdated copy can be told from the current one.
    """

    name: str
    versions: tuple[MirroredVersion, ...]
    revision: int = 0

    def newest(self, channel: Channel) -> MirroredVersion | None:
        """The version that a channel offers: never a yanked one, and for `stable` never a pre-release."""
        offered = (one for one in self.versions if not one.yanked and channel in {one.channel, "prerelease"})
        return max(offered, key=lambda one: one.parsed, default=None)

    def find(self, version: str) -> MirroredVersion | None:
        """A version, yanked or not, or None if the mirror doesn't have it."""
        return next((one for one in self.versions if one.version == version), None)

    def require(self, version: str) -> MirroredVersion:
        """A version to install. Raises `UnknownVersionError`, or `YankedVersionError` for a yanked one."""
        found = self.find(version)
        if found is None:
            raise UnknownVersionError(version, [one.version for one in self.versions if not one.yanked])
        if found.yanked:
            offered = self.newest("stable")
            raise YankedVersionError(version, found.yank_reason, offered.version if offered else None)
        return found

    def with_version(self, changed: MirroredVersion) -> Self:
        """The manifest with a version added or replaced."""
        others = (one for one in self.versions if one.version != changed.version)
        return replace(self, versions=_in_order([*others, changed]))

    def to_json(self) -> str:
        """The text of `versions.json`; the same content always gives the same text."""
        newest = {channel: self.newest(channel) for channel in get_args(Channel)}
        content = {
            "schema": SCHEMA,
            "name": self.name,
            "revision": self.revision,
            "latest": {channel: one.version if one else None for channel, one in newest.items()},
            "versions": [asdict(one) for one in _in_order(self.versions)],
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The manifest in the text of a `versions.json`. Raises `ManifestError` with everything wrong with it."""
        content = _read(text, VERSIONS_NAME)
        listed = content.get("versions")
        entries = listed if isinstance(listed, list) else []
        problems = _header_problems(content)
        problems += [] if isinstance(listed, list) else ["`versions` isn't a list"]
        problems += [problem for entry in entries for problem in _version_problems(entry)]
        if not problems:
            names = [entry["version"] for entry in entries]
            problems = [f"version {name} is listed twice" for name in sorted({*names}) if names.count(name) > 1]
        _refuse(VERSIONS_NAME, problems)
        versions = _in_order(map(_version, entries))
        return cls(name=content["name"], versions=versions, revision=content["revision"])


@dataclass(frozen=True, kw_only=True)
class Latest:
    """The content of `latest.json`. `latest` is None while the mirror has no stable version that isn't yanked.

    `revision` is that of the `versions.json` that it was made from.
    """

    name: str
    latest: MirroredVersion | None
    revision: int = 0

    def to_json(self) -> str:
        """The text of `latest.json`."""
        latest = asdict(self.latest) if self.latest else None
        content = {"schema": SCHEMA, "name": self.name, "revision": self.revision, "latest": latest}
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The content of the text of a `latest.json`. Raises `ManifestError`."""
        content = _read(text, LATEST_NAME)
        entry = content.get("latest")
        problems = [*_header_problems(content), *(_version_problems(entry) if entry is not None else [])]
        if not problems and entry is not None and (entry["yanked"] or entry["channel"] != "stable"):
            problems = [f"it names {entry['version']}, which is yanked or not stable"]
        _refuse(LATEST_NAME, problems)
        latest = _version(entry) if entry is not None else None
        return cls(name=content["name"], latest=latest, revision=content["revision"])


def channel_of(version: str) -> Channel:
    """The channel of a version, by PEP 440."""
    return "prerelease" if is_prerelease(version) else "stable"


def _in_order(versions: Iterable[MirroredVersion]) -> tuple[MirroredVersion, ...]:
    return tuple(sorted(versions, key=lambda one: one.parsed, reverse=True))


def _read(text: str, name: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(name, [Problem(what=f"it isn't JSON: {error}", hint=_DAMAGED)]) from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        hint = "update this program, or this copy of the release tools"
        raise ManifestError(name, [Problem(what=f"its schema is {schema}, and {SCHEMA} is understood", hint=hint)])
    return content if isinstance(content, dict) else {}


_DAMAGED: Final = "check the URL or the bucket; the store keeps no other copy, so restore it from a backup"


def _refuse(name: str, problems: Iterable[str]) -> None:
    listed = [Problem(what=problem, hint=_DAMAGED) for problem in problems]
    if listed:
        raise ManifestError(name, listed)


def _header_problems(content: Mapping[str, Any]) -> list[str]:
    problems = [] if content.get("schema") == SCHEMA else ["it has no `schema`"]
    revision = content.get("revision")
    problems += [] if isinstance(revision, int) and not isinstance(revision, bool) else ["it has no `revision`"]
    return problems + ([] if isinstance(content.get("name"), str) and content["name"] else ["it has no `name`"])


def _version_problems(entry: object) -> list[str]:
    if not isinstance(entry, dict) or not _is_version(entry.get("version")):
        return [f"a version is {entry.get('version') if isinstance(entry, dict) else entry!r}"]
    are_valid = {
        "date": isinstance(entry.get("date"), str) and _DATE.fullmatch(entry["date"]) is not None,
        # Only what a version's number says may become the latest stable version.
        "channel": entry.get("channel") == channel_of(entry["version"]),
        "yanked": isinstance(entry.get("yanked"), bool),
        "yank_reason": isinstance(entry.get("yank_reason"), str),
        "files": isinstance(entry.get("files"), list) and bool(entry["files"]),
    }
    problems = [
        f"`{key}` of {entry['version']} is {entry.get(key)!r}" for key, is_valid in are_valid.items() if not is_valid
    ]
    if problems:
        return problems
    names = [file.get("name") if isinstance(file, dict) else None for file in entry["files"]]
    problems = [f"{entry['version']} has the invalid file {file!r}" for file in entry["files"] if not _is_file(file)]
    return problems or [f"{entry['version']} has {name} twice" for name in {*names} if names.count(name) > 1]


def _is_version(value: object) -> bool:
    try:
        return isinstance(value, str) and str(Version(value)) == value
    except InvalidVersion:
        return False


def _is_file(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    name, size, sha256, url = (entry.get(key) for key in ("name", "size", "sha256", "url"))
    return (
        isinstance(name, str)
        and _FILE_NAME.fullmatch(name) is not None
        and entry.get("kind") in get_args(FileKind)
        and (entry.get("platform") is None or isinstance(entry["platform"], str))
        and isinstance(url, str)
        and re.fullmatch(r"https?://\S+", url) is not None
        and isinstance(size, int)
        and not isinstance(size, bool)
        and size > 0
        and isinstance(sha256, str)
        and re.fullmatch(r"[0-9a-f]{64}", sha256) is not None
    )


def _version(entry: Mapping[str, Any]) -> MirroredVersion:
    """A version from an entry that `_version_problems` accepts."""
    return MirroredVersion(
        version=entry["version"],
        date=entry["date"],
        channel=entry["channel"],
        yanked=entry["yanked"],
        yank_reason=entry["yank_reason"],
        files=tuple(
            MirroredFile(**{key: file.get(key) for key in ("name", "kind", "platform", "url", "size", "sha256")})
            for file in entry["files"]
        ),
    )
