"""The commits of a release, parsed and grouped by git-cliff, as Markdown with every message escaped."""

import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from release_tools.errors import MissingToolError
from release_tools.processes.run import capture
from release_tools.reporting.markdown import escape_markdown
from release_tools.repository import git

# GitHub limits the notes to 125,000 characters, and more follows below the changes.
_SIZE_LIMIT_BYTES: Final = 80_000

_CONFIGURATION: Final = Path(__file__).with_name("cliff.toml")
# https://www.conventionalcommits.org/en/v1.0.0/#specification
_CONVENTIONAL: Final = re.compile(r"\w+(?:\((?P<scope>[^)]*)\))?(?P<breaking>!)?: (?P<text>.+)")
# The range comes from git; git-cliff must not split it at tags, so this pattern matches none.
_NO_TAG: Final = "a^"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One commit, its text and scope unescaped. `section` begins with a number that orders the sections."""

    commit: str
    section: str
    scope: str
    text: str


def read_changes(root: Path, commit: str, since: str | None) -> tuple[Change, ...]:
    """The commits up to `commit`, since `since` if given, newest first and without merges.

    Raises `MissingToolError` outside the release environment.
    """
    program = shutil.which("git-cliff", path=str(Path(sys.executable).parent))
    if program is None:
        raise MissingToolError("git-cliff", "run this as an Invoke task, which creates the environment for it")
    options = ["--config", str(_CONFIGURATION), "--context", "--offline", "--no-exec", "--tag-pattern", _NO_TAG]
    commits = f"{since}..{commit}" if since else commit
    # The user's own git-cliff settings must not change the result.
    unset = {name: None for name in os.environ if name.startswith("GIT_CLIFF")}
    releases: list[dict[str, Any]] = json.loads(capture([program, *options, "--", commits], cwd=root, env=unset))
    return tuple(_change(_decoded(root, entry)) for release in releases for entry in release["commits"])


def changes_markdown(changes: Sequence[Change], url: str | None) -> str:
    """A section for each kind of change, with links to the commits where the repository's URL is known."""
    items = [(change.section, _item(change, url)) for change in sorted(changes, key=lambda change: change.section)]
    sizes = accumulate(len(item.encode()) + 1 for _, item in items)
    shown = [item for item, size in zip(items, sizes, strict=True) if size <= _SIZE_LIMIT_BYTES]
    parts = []
    for section, members in groupby(shown, key=itemgetter(0)):
        parts.append("\n".join([f"### {section.partition(' ')[2]}", "", *(item for _, item in members), ""]))
    if len(shown) < len(items):
        parts.append(f"And {len(items) - len(shown)} more.\n")
    return "\n".join(parts) or "No changes.\n"


def _decoded(root: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """The commit with its message: git-cliff drops one that isn't UTF-8, and git converts it."""
    if entry["message"]:
        return entry
    subject = git(root, "log", "--no-walk", "--encoding=UTF-8", "--format=%s", entry["id"]).strip()
    match = _CONVENTIONAL.fullmatch(subject)
    if match is None:
        return {**entry, "message": subject}
    parsers = tomllib.loads(_CONFIGURATION.read_text(encoding="utf-8"))["git"]["commit_parsers"]
    groups = [parser["group"] for parser in parsers if re.search(parser.get("message", "$^"), subject)]
    breaking = [parser["group"] for parser in parsers if parser.get("field") == "breaking"] if match["breaking"] else []
    return {**entry, "message": match["text"], "scope": match["scope"], "group": [*breaking, *groups][0]}


def _change(entry: dict[str, Any]) -> Change:
    text = str(entry["message"]).strip().partition("\n")[0]
    breaking = entry.get("breaking_description")
    if breaking and breaking != entry["message"]:
        text = f"{text}: {breaking}"
    return Change(commit=entry["id"], section=entry["group"], scope=entry.get("scope") or "", text=text)


def _item(change: Change, url: str | None) -> str:
    scope = f"**{escape_markdown(change.scope, 40)}:** " if change.scope.strip() else ""
    short = f"`{change.commit[:7]}`"
    link = f"[{short}]({url}/commit/{change.commit})" if url else short
    return f"- {scope}{escape_markdown(change.text) or 'no message'} ({link})"
