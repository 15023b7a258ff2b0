"""Whether CHANGELOG.md says anything about a release, in the form of Keep a Changelog."""

import re
from pathlib import Path

from release_tools.errors import Problem


def changelog_problems(root: Path, version: str) -> list[Problem]:
    """Why the changelog does not tell users about this version: neither its section nor `Unreleased` has an entry."""
    try:
        text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError) as error:
        why = "there is no CHANGELOG.md" if isinstance(error, FileNotFoundError) else "CHANGELOG.md is not UTF-8"
        return [Problem(what=why, hint=_hint(version))]
    sections = changelog_sections(text)
    name = next((name for name in (version, f"v{version}", "Unreleased") if name in sections), None)
    if name is None:
        return [Problem(what=f"CHANGELOG.md has neither a section {version} nor Unreleased", hint=_hint(version))]
    if not sections[name]:
        return [Problem(what=f"the section {name} of CHANGELOG.md is empty", hint=_hint(version))]
    return []


def changelog_sections(text: str) -> dict[str, tuple[str, ...]]:
    """The entries of every section (`## [1.2.3] - 2026-01-31`), by its name; titles and link targets are no entries."""
    sections: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).splitlines():
        heading = re.match(r"##\s+\[?(?P<name>[^\]\s]+)", line)
        if heading:
            entries = sections.setdefault(heading["name"], [])
        elif line.strip() and not re.match(r"#|\[[^\]]+\]:", line):
            entries.append(line.strip())
    return {name: tuple(lines) for name, lines in sections.items()}


def _hint(version: str) -> str:
    return f"write what changes for users under `## [Unreleased]` or `## [{version}] - <date>`, commit and push"
