"""The commits of a release, read and sorted by git-cliff, as Markdown in which they can do no harm."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from release_tools.errors import MissingToolError
from release_tools.processes.run import capture
from release_tools.releasing.notes.foreign_text import plain_markdown

# GitHub takes 125,000 characters for the notes of a release; what stands below the changes has to fit in as well.
SIZE_LIMIT_BYTES: Final = 80_000

_CONFIGURATION: Final = Path(__file__).with_name("cliff.toml")
# Releases are told apart here, by git; git-cliff shall see none.
_NO_TAG: Final = "a^"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One commit. `section` begins with a number that orders the sections; text and scope are as they were written."""

    commit: str
    section: str
    scope: str
    text: str


def read_changes(root: Path, commit: str, since: str | None) -> tuple[Change, ...]:
    """The commits that `commit` has and `since` has not, newest first, merges left out; all of them without `since`.

    Raises `MissingToolError` outside an environment with the dependency group `release`.
    """
    program = shutil.which("git-cliff", path=str(Path(sys.executable).parent))
    if program is None:
        raise MissingToolError("git-cliff", "add git-cliff to the dependency group `release`, then: poetry lock")
    options = ["--config", str(_CONFIGURATION), "--context", "--offline", "--no-exec", "--tag-pattern", _NO_TAG]
    commits = f"{since}..{commit}" if since else commit
    # The person's own settings of git-cliff would change what is read.
    own = {name: None for name in os.environ if name.startswith("GIT_CLIFF")}
    releases: list[dict[str, Any]] = json.loads(capture([program, *options, "--", commits], cwd=root, env=own))
    return tuple(_change(entry) for release in releases for entry in release["commits"])


def changes_markdown(changes: Sequence[Change], address: str | None) -> str:
    """A section for each kind of change; with the repository's address, each commit is a link."""
    items = [(change.section, _item(change, address)) for change in sorted(changes, key=lambda change: change.section)]
    sizes = accumulate(len(item.encode()) + 1 for _, item in items)
    shown = [item for item, size in zip(items, sizes, strict=True) if size <= SIZE_LIMIT_BYTES]
    parts = []
    for section, members in groupby(shown, key=itemgetter(0)):
        parts.append("\n".join([f"### {section.partition(' ')[2]}", "", *(item for _, item in members), ""]))
    if len(shown) < len(items):
        parts.append(f"And {len(items) - len(shown)} more.\n")
    return "\n".join(parts) or "No changes.\n"


def _change(entry: dict[str, Any]) -> Change:
    text = str(entry["message"]).strip().partition("\n")[0]
    breaking = entry.get("breaking_description")
    if breaking and breaking != entry["message"]:
        text = f"{text}: {breaking}"
    return Change(commit=entry["id"], section=entry["group"], scope=entry.get("scope") or "", text=text)


def _item(change: Change, address: str | None) -> str:
    scope = f"**{plain_markdown(change.scope, 40)}:** " if change.scope.strip() else ""
    short = f"`{change.commit[:7]}`"
    link = f"[{short}]({address}/commit/{change.commit})" if address else short
    return f"- {scope}{plain_markdown(change.text) or 'no message'} ({link})"
