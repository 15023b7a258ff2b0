"""The body of a release on GitHub: a marker line that identifies its draft, then the notes, cut to GitHub's limit."""

import re
from dataclasses import dataclass
from typing import Final

# GitHub refuses 125,000 characters ("body is too long"). A text never has more characters than bytes.
BODY_LIMIT_BYTES: Final = 124_999
_TRUNCATED: Final = "\n\n*These notes were truncated because of GitHub's size limit.*\n"

_MARKER: Final = re.compile(
    r"<!-- release-tools: tag=(?P<tag>[0-9A-Za-z.+_-]+) commit=(?P<commit>[0-9a-f]{40,64})"
    r" publisher=(?P<publisher_id>[0-9A-Za-z._-]+) -->(\r?\n|\Z)"
)


@dataclass(frozen=True, kw_only=True)
class Marker:
    """Identifies a release that `invoke publish` created, and the publisher that created it."""

    tag: str
    commit: str
    publisher_id: str

    @property
    def line(self) -> str:
        """The first line of the release's body, an HTML comment that GitHub doesn't show."""
        return f"<!-- release-tools: tag={self.tag} commit={self.commit} publisher={self.publisher_id} -->\n"


def read_marker(body: str) -> Marker | None:
    """The marker of a release's body. Only the first line counts: the notes quote commit messages."""
    match = _MARKER.match(body)
    return Marker(tag=match["tag"], commit=match["commit"], publisher_id=match["publisher_id"]) if match else None


def release_body(marker: Marker, notes: str) -> str:
    return marker.line + truncate_notes(notes, BODY_LIMIT_BYTES - len(marker.line.encode()))


def truncate_notes(notes: str, limit_bytes: int) -> str:
    """The notes, or as many lines as fit, followed by a remark."""
    if len(notes.encode()) <= limit_bytes:
        return notes
    room = limit_bytes - len(_TRUNCATED.encode()) - len("```\n")
    kept: list[str] = []
    fences = 0
    for line in notes.splitlines(keepends=True):
        room -= len(line.encode())
        if room < 0:
            break
        kept.append(line)
        fences += line.startswith("```")
    return "".join(kept) + ("```\n" if fences % 2 else "") + _TRUNCATED
