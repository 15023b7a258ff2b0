"""CHANGELOG.md, in the format of Keep a Changelog: whether it has an entry for a release, and the section of one."""

import re
from datetime import date
from pathlib import Path
from typing import Final

from release_tools.errors import Problem

_UNRELEASED: Final = re.compile(
    r"^##[ \t]+(?P<open>\[?)Unreleased(?P<close>\]?)[ \t]*(?P<end>\r?\n|\Z)", re.MULTILINE | re.IGNORECASE
)
# `[Unreleased]: https://github.com/owner/name/compare/v1.2.3...HEAD`
_UNRELEASED_LINK: Final = re.compile(
    r"^\[(?P<name>unreleased)\]:[ \t]*(?P<url>\S+/compare/)(?P<from>\S+?)(?P<dots>\.{2,3})(?P<to>\S+)[ \t]*"
    r"(?P<end>\r?\n|\Z)",
    re.MULTILINE | re.IGNORECASE,
)


def changelog_problems(root: Path, version: str) -> list[Problem]:
    """Why the changelog says nothing about a version: neither its section nor `Unreleased` has an entry."""
    hint = f"add an entry under `## [Unreleased]` or `## [{version}] - <date>`, commit and push"
    try:
        text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError) as error:
        what = "there is no CHANGELOG.md" if isinstance(error, FileNotFoundError) else "CHANGELOG.md is not UTF-8"
        return [Problem(what=what, hint=hint)]
    sections = changelog_sections(text)
    name = next((name for name in (version, f"v{version}", "Unreleased") if name in sections), None)
    if name is None:
        return [Problem(what=f"CHANGELOG.md has no section for {version} or Unreleased", hint=hint)]
    if not sections[name]:
        return [Problem(what=f"the section {name} of CHANGELOG.md is empty", hint=hint)]
    return []


def changelog_sections(text: str) -> dict[str, tuple[str, ...]]:
    """The entries of every section (`## [1.2.3] - 2026-01-31`) by its name, without subheadings and link targets."""
    sections: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).splitlines():
        heading = re.match(r"##\s+\[?(?P<name>[^\]\s]+)", line)
        if heading:
            entries = sections.setdefault(heading["name"], [])
        elif line.strip() and not re.match(r"#|\[[^\]]+\]:", line):
            entries.append(line.strip())
    return {name: tuple(lines) for name, lines in sections.items()}


def with_released_section(text: str, version: str, tag: str, today: date) -> str:
    """The changelog with the entries of `Unreleased` in a section of the version, and their links if there are any.

    A section that exists already stays as it is.
    """
    if any(name in changelog_sections(text) for name in (version, f"v{version}")):
        return text

    def section(match: re.Match[str]) -> str:
        end = match["end"] or "\n"
        return f"{match[0].rstrip()}{end}{end}## {match['open']}{version}{match['close']} - {today.isoformat()}{end}"

    def link(match: re.Match[str]) -> str:
        name, url, dots, end = match["name"], match["url"], match["dots"], match["end"] or "\n"
        return f"[{name}]: {url}{tag}{dots}{match['to']}{end}[{version}]: {url}{match['from']}{dots}{tag}{end}"

    return _UNRELEASED_LINK.sub(link, _UNRELEASED.sub(section, text, count=1), count=1)
