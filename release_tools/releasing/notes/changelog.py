"""Whether CHANGELOG.md, in the format of Keep a Changelog, has an entry for a release."""

import re
from pathlib import Path

from release_tools.errors import Problem


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
