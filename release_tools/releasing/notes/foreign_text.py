"""Text that somebody else wrote (commit subjects, tags, file names, what a server says), made harmless to show.

A terminal obeys control characters, and GitHub turns Markdown, HTML and @names into links, markup and notifications.
"""

import re
import shlex
from typing import Final

_SUBJECT_LIMIT: Final = 300

# An invisible character between an @ and a name, as an entity so that a reader of the source sees it. It is what the
# larger update bots put there: a backslash before the @ would not keep GitHub from notifying.
_GAP: Final = "&#8203;"


def printable(text: str, limit: int = _SUBJECT_LIMIT) -> str:
    """One line that no terminal obeys: control characters and invisible ones shown as `�`, cut at `limit`."""
    line = "".join(char if char.isprintable() else "�" for char in text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def quoted(text: str) -> str:
    """The text as one word of a command that a person may paste into a shell: git allows `$(…)` in names."""
    return shlex.quote(printable(text))


def first_line(text: str) -> str:
    """The first line that says something, harmless for a terminal; "" when there is none."""
    return next((printable(line.strip()) for line in text.splitlines() if line.strip()), "")


def plain_markdown(text: str, limit: int = _SUBJECT_LIMIT) -> str:
    """Markdown that GitHub shows as exactly this text, on one line.

    Nothing in it becomes markup, HTML, a link or a mention; only `#12`, an issue of the same repository, stays one.
    """
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    line = line if len(line) <= limit else f"{line[: limit - 1]}…"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line)
    # What a line may begin with to become a list, a heading or a rule.
    line = re.sub(r"^([#+=-])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
    # Links and mentions that GitHub makes without any markup.
    line = line.replace("@", f"@{_GAP}").replace("://", f":{_GAP}//")
    line = re.sub(r"\b(www)\.", rf"\1{_GAP}.", line, flags=re.IGNORECASE)
    return re.sub(r"(?<=[\w.-])#(?=\d)", f"{_GAP}#", line)
