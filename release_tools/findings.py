"""Findings: what a failed check names, how they're grouped in a report, and the settings that allow them."""

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.errors import bulleted
from release_tools.settings_schema import TABLE

# A report lists this many findings of a check, and this many entries to paste.
SHOWN: Final = 10
# More findings than this of one distribution, or with the same detail, are counted.
_SHOWN_ALIKE: Final = 3

# What differs between two builds with the same fault.
_VARYING: Final = (
    (re.compile(r"_MEI\w+"), "_MEI*"),
    (re.compile(r"\[PYI-\d+:"), "[PYI-*:"),
    (re.compile(r"\b(pid|PID|process) \d+\b"), r"\1 *"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "* s"),
    (re.compile(r"\b0x[0-9a-fA-F]{8,}\b"), "0x*"),
    # Where packages are installed differs between systems too.
    (re.compile(r"[^\s'\"]*[/\\]site-packages[/\\]+"), ""),
)
# How a check, Python or PyInstaller says that something isn't in the bundle.
_MISSING: Final = (
    (re.compile(r"No module named '([\w.]+)'"), "module"),
    (re.compile(r"""Hidden import ["']([\w.]+)["'] not found"""), "module"),
    (re.compile(r"^module ([\w.]+)(?=:|$)", re.MULTILINE), "module"),
    (re.compile(r"No such file or directory: '[^']*_MEI[\w*]+[/\\]+([^']+)'"), "file"),
    (re.compile(r"^file ([^\s:]+)(?=:|$)", re.MULTILINE), "file"),
    (re.compile(r"^library ([^\s:]+)(?=:|$)", re.MULTILINE), "library"),
    (re.compile(r"could not resolve '([^']+)'"), "library"),
    (re.compile(r"^\S+ needs (\S*(?:\.so|\.dylib|\.dll)\S*)$", re.MULTILINE), "library"),
)
_KINDS: Final[Mapping[str, str]] = {"module": "modules", "file": "files", "library": "libraries"}
_SUBJECT: Final = re.compile(
    r"(?:(?:module|file|library|metadata of|program|write to) )?(.+?)(?: (?:contains|needs|is|searches)\b.*| \(.*)?"
)
_FIRST_PART: Final = re.compile(r"(?:(?:module|file|library) )?[^./\\\s:]+")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that's wrong. `text` names it and is the same in every build; `detail` may differ.

    `owner` is the distribution that has the named module or file, such as `sqlglot 27.1`, or "" if none has.
    """

    text: str
    detail: str = ""
    owner: str = ""

    @property
    def line(self) -> str:
        return f"{self.text}: {self.detail}" if self.detail else self.text

    @property
    def subject(self) -> str:
        """The module, file or distribution that the text names."""
        return subject_of(self.text)


def is_match(pattern: str, finding: str) -> bool:
    """Whether a pattern from the settings is this finding. `*` matches any text; everything else is literal."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), finding, re.DOTALL) is not None


def stable_text(text: str, folders: Iterable[Path] = (), words: Iterable[str] = ()) -> str:
    """The text on one line, with `*` for what differs between builds and machines. As a pattern, it matches itself.

    That is these folders and words, what's in the temporary folder, process IDs and seconds.
    """
    spellings = {
        spelling
        for folder in folders
        for spelling in (str(folder), folder.as_posix(), str(folder).replace("\\", "\\\\"))
    }
    # The longest first: a folder may be inside another.
    for spelling in sorted({*spellings, *words}, key=len, reverse=True):
        text = text.replace(spelling, "*")
    text = re.sub(r"(?<![\w*])" + re.escape(tempfile.gettempdir()) + r"[/\\]+[^/\\\s'\"]+", "*", text)
    for varying, replacement in _VARYING:
        text = varying.sub(replacement, text)
    return re.sub(r"\*{2,}", "*", " ".join(text.splitlines()))


def subject_of(text: str) -> str:
    """The module, file or distribution that the text of a finding names."""
    found = _SUBJECT.fullmatch(text)
    return found[1] if found else text


def missing_in(text: str) -> list[str]:
    """What a text says is missing: `module a.b`, `file a/b.txt`, `library libb.so`."""
    found = {f"{kind} {name}" for pattern, kind in _MISSING for name in pattern.findall(text)}
    return sorted(re.sub(r"[/\\]+", "/", name) for name in found)


def listed(items: Iterable[str]) -> str:
    """The text after a colon: one item on the same line, or a list below it, cut off after the first few."""
    found = list(items)
    if len(found) == 1:
        return f" {found[0]}"
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return bulleted([*found[:SHOWN], *more])


def lines_of(findings: Iterable[Finding]) -> list[str]:
    """The findings as lines. Those with the same detail share one, and so do many of one distribution."""
    by_detail: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_detail[finding.detail or finding.text].append(finding)
    lines, others = [], []
    for detail, alike in by_detail.items():
        is_of_one_owner = alike[0].owner and len({finding.owner for finding in alike}) == 1
        if len(alike) > 1 and not is_of_one_owner:
            more = f" and {len(alike) - _SHOWN_ALIKE} more" if len(alike) > _SHOWN_ALIKE else ""
            lines.append(f"{', '.join(finding.text for finding in alike[:_SHOWN_ALIKE])}{more}: {detail}")
        else:
            others += alike
    lines += [
        group[0].line if len(group) == 1 else f"{group[0].owner}: {len(group)} {_plural(group)}, first: {group[0].line}"
        for group in _groups(others)
    ]
    return lines


def allowance(check: str, findings: Sequence[Finding]) -> str:
    """TOML to paste into `pyproject.toml` that allows these findings of a check."""
    groups = list(_groups(findings))
    entries = [
        f"[[{TABLE[1:-1]}.allowed-findings]]\n"
        f"check = {toml_string(check)}\n"
        f"finding = {toml_string(_pattern([finding.text for finding in group]))}\n"
        'reason = "…"\n'
        for group in groups[:SHOWN]
    ]
    more = [f"# and {len(groups) - SHOWN} more\n"] if len(groups) > SHOWN else []
    return "\n".join([*entries, *more])


def list_setting(key: str, present: Iterable[str], added: Iterable[str] = ()) -> str:
    """A line for `[tool.release-tools]` with a list, its present values first."""
    values = dict.fromkeys([*present, *sorted(added)])
    return f"{key} = [{', '.join(map(toml_string, values))}]"


def toml_string(text: str) -> str:
    # TOML's escapes include JSON's, and DEL needs one.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _groups(findings: Iterable[Finding]) -> list[list[Finding]]:
    """The findings of one distribution and one of its packages together if there are many, the others alone."""
    by_owner: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        first = _FIRST_PART.match(finding.text)
        by_owner[(finding.owner, first[0] if first and finding.owner else finding.text)].append(finding)
    groups: list[list[Finding]] = []
    for group in by_owner.values():
        groups += [group] if len(group) > _SHOWN_ALIKE else [[finding] for finding in group]
    return groups


def _plural(group: Sequence[Finding]) -> str:
    kinds = {finding.text.partition(" ")[0] for finding in group}
    return _KINDS.get(kinds.pop(), "findings") if len(kinds) == 1 else "findings"


def _pattern(texts: Sequence[str]) -> str:
    """The text, or one pattern that matches all of them."""
    if len(texts) == 1:
        return texts[0]
    before = _common_start(texts)
    after = _common_start([text[len(before) :][::-1] for text in texts])[::-1]
    return f"{before}*{after}"


def _common_start(texts: Sequence[str]) -> str:
    # What the first and the last have in common, all have.
    first, last = min(texts), max(texts)
    length = next(
        (place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first)
    )
    return first[:length]
