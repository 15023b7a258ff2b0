"""Markdown tables and code spans, and the escaping of untrusted text."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_MAX_LENGTH: Final = 300
# A zero-width space, as an entity so that it's visible in the source. A backslash before an @ doesn't stop GitHub from
# notifying the user; this does, and update bots do the same.
_GAP: Final = "&#8203;"


def markdown_table(headings: Sequence[str], alignment: str, rows: Iterable[Sequence[str]]) -> str:
    """A table that ends in a newline. `alignment` has `l` or `r` for each column."""
    rulers = ["---:" if letter == "r" else "---" for letter in alignment]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (headings, rulers, *rows))


def code_span(text: str) -> str:
    """The text as a code span on one line, in which GitHub makes no links or mentions.

    A span ends at as many backticks as it began with (https://spec.commonmark.org/0.31.2/#code-spans). A pipe ends a
    table cell even inside a span, and Markdown parsers differ in how to escape it, so text with one becomes HTML.
    """
    line = _one_line(text)
    if "|" in line:
        return f"<code>{re.sub('[^A-Za-z0-9 ]', lambda found: f'&#{ord(found[0])};', line)}</code>"
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}" if line else ""


def escape_markdown(text: str, limit: int = _MAX_LENGTH) -> str:
    """Markdown that GitHub shows as exactly this text, on one line.

    Nothing in it becomes markup, HTML, an emoji, a link or a mention, except `#12`, an issue of the same repository.
    """
    line = _one_line(text)
    line = line if len(line) <= limit else f"{line[: limit - 1]}…"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Short names of emoji, commits and issues of older trackers; a word may look like a commit.
    line = re.sub(r":(?=[\w+-]+:)", f":{_GAP}", line)
    line = re.sub(r"\b[0-9a-f]{7,40}\b", _broken_commit, line, flags=re.IGNORECASE)
    line = re.sub(r"\b(GH)-(?=\d)", rf"\1{_GAP}-", line, flags=re.IGNORECASE)
    line = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line)
    # At the start of a line, these begin a list, a heading or a rule.
    line = re.sub(r"^([#+=-])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
    # What GitHub turns into links and mentions without markup.
    line = line.replace("@", f"@{_GAP}").replace("://", f":{_GAP}//")
    line = re.sub(r"\b(www)\.", rf"\1{_GAP}.", line, flags=re.IGNORECASE)
    return re.sub(r"(?<=[\w.-])#(?=\d)", f"{_GAP}#", line)


def _broken_commit(found: re.Match[str]) -> str:
    """The hexadecimal number in parts that are too short for a commit."""
    return _GAP.join(re.findall(".{1,6}", found[0]))


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
