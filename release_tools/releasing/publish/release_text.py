"""What a release says of itself: whose draft it is, notes that GitHub takes, and which releases count as stable."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from packaging.version import InvalidVersion, Version

from release_tools.versions import version_of_tag

# GitHub's answer to more is "body is too long (maximum is 125000 characters)". Bytes are never fewer than characters.
BODY_LIMIT_BYTES: Final = 124_999
_CUT: Final = "\n\n*These notes are too long for GitHub and were cut here.*\n"

_MARKER: Final = re.compile(
    r"<!-- release-tools: tag=(?P<tag>[0-9A-Za-z.+_-]+) commit=(?P<commit>[0-9a-f]{40,64})"
    r" publisher=(?P<publisher>[0-9A-Za-z._-]+) -->(\r?\n|\Z)"
)
# https://semver.org/#spec-item-9: what follows the hyphen, in dot-separated parts.
_SEMANTIC_PRERELEASE: Final = re.compile(r"\d+\.\d+\.\d+-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*(\+[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, kw_only=True)
class Marker:
    """The first line of a release that was made here; GitHub does not show it. `publisher` is who made the draft."""

    tag: str
    commit: str
    publisher: str

    @property
    def line(self) -> str:
        return f"<!-- release-tools: tag={self.tag} commit={self.commit} publisher={self.publisher} -->\n"


def read_marker(body: str) -> Marker | None:
    """The marker of a release's text, or None. Only the very first line counts: the rest holds other people's words."""
    match = _MARKER.match(body)
    if match is None:
        return None
    return Marker(tag=match["tag"], commit=match["commit"], publisher=match["publisher"])


def release_body(marker: Marker, notes: str) -> str:
    """The marker and the notes, cut at the end of a line where they are longer than GitHub takes."""
    return marker.line + cut_notes(notes, BODY_LIMIT_BYTES - len(marker.line.encode()))


def cut_notes(notes: str, limit_bytes: int) -> str:
    """The notes, or as many whole lines of them as fit, with a word that something is missing."""
    if len(notes.encode()) <= limit_bytes:
        return notes
    room = limit_bytes - len(_CUT.encode()) - len("```\n")
    kept: list[str] = []
    fences = 0
    for line in notes.splitlines(keepends=True):
        room -= len(line.encode())
        if room < 0:
            break
        kept.append(line)
        fences += line.startswith("```")
    return "".join(kept) + ("```\n" if fences % 2 else "") + _CUT


def is_prerelease(version: str) -> bool:
    """Whether PEP 440 or Semantic Versioning reads a version as one that comes before a stable one.

    What neither can read counts as one too, so that it never becomes the release that users are sent to.
    """
    try:
        return _SEMANTIC_PRERELEASE.fullmatch(version) is not None or Version(version).is_prerelease
    except InvalidVersion:
        return True


def is_newest_stable(executable: str, version: str, published_tags: Iterable[str]) -> bool:
    """Whether users should get this version rather than any that is published: stable, and none of them higher."""
    if is_prerelease(version):
        return False
    others = (version_of_tag(executable, tag) for tag in published_tags)
    return all(Version(other) <= Version(version) for other in others if other and not is_prerelease(other))
