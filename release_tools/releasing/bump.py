"""`invoke bump`: the next version in `pyproject.toml`, its only place, and in the changelog. It commits nothing."""

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from release_tools.errors import Problem, RequestError
from release_tools.releasing.git_state import Clone, read_clone
from release_tools.releasing.notes.changelog import changelog_problems, with_released_section
from release_tools.releasing.release_versions import is_prerelease, release_version
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag

_PARTS: Final = ("major", "minor", "patch")
# In the order of PEP 440.
_PHASES: Final = {"a": "a", "alpha": "a", "b": "b", "beta": "b", "rc": "rc"}
_HINT: Final = "use major, minor, patch, a, b, rc, or a version such as 1.3.0 or 1.3.0rc1"


def bump(settings: ReleaseSettings, part: str, today: date, say: Callable[[str], None], *, is_dry_run: bool) -> None:
    """Write the next version, and move the changelog's entries from `Unreleased` to it, unless it's a pre-release.

    Raises `RequestError` with everything that prevents it, before anything is written.
    """
    version = next_version(settings.project_version, part)
    tag = release_tag(settings.executable, version)
    pyproject, changelog = settings.root / "pyproject.toml", settings.root / "CHANGELOG.md"
    clone = read_clone(settings.root)
    problems = [*_order_problems(settings, version, clone), *_tree_problems(clone)]
    with_version = _with_version(_read(pyproject), settings.project_version, version)
    if with_version is None:
        hint = f'set `version = "{version}"` there yourself'
        problems.append(
            Problem(what="there is no line `version = …` in pyproject.toml that can be replaced", hint=hint)
        )
    is_stable = not is_prerelease(version)
    problems += changelog_problems(settings.root, version) if is_stable else []
    if problems or with_version is None:
        raise RequestError(f"bump the version to {version}", problems)
    contents = {pyproject: with_version}
    if is_stable:
        contents[changelog] = with_released_section(_read(changelog), version, tag, today)
    for path, text in contents.items():
        if text == _read(path):
            continue
        say(f"{'would change' if is_dry_run else 'changed'} {path.name}")
        if not is_dry_run:
            path.write_bytes(text.encode())
    say(f"version {settings.project_version} -> {version}")
    say(f'next: git commit --all --message "chore: bump the version to {version}", git push, invoke release --tag')


def next_version(current: str, part: str) -> str:
    """The version after `current`: `part` says which number grows, starts or continues a pre-release, or is it.

    A pre-release becomes the version it leads to: `minor` makes 1.3.0 of 1.3.0rc1. Raises `RequestError`.
    """
    version = Version(current)
    if part in _PARTS:
        return _with_epoch(version, _grown(version, _PARTS.index(part)))
    if part in _PHASES:
        return _next_prerelease(version, _PHASES[part])
    try:
        wanted = Version(part)
    except InvalidVersion:
        raise RequestError("bump the version", [Problem(what=f"{part!r} is no version", hint=_HINT)]) from None
    if wanted.local or str(wanted) != part:
        what = f"{part!r} is not a normalized version without a local part"
        raise RequestError("bump the version", [Problem(what=what, hint=f"use {wanted.public}")])
    return part


def _grown(version: Version, index: int) -> str:
    numbers = [*version.release, 0, 0, 0][: max(len(version.release), index + 1)]
    # 1.3.0rc1 is before 1.3.0, and so is 1.3.0.dev1.
    is_before = version.is_prerelease and not any(numbers[index + 1 :])
    numbers = [*numbers[:index], numbers[index] + (0 if is_before else 1), *(0 for _ in numbers[index + 1 :])]
    return ".".join(map(str, numbers))


def _next_prerelease(version: Version, phase: str) -> str:
    base, number = ".".join(map(str, version.release)), 1
    if version.pre is None:
        base = base if version.is_devrelease else _grown(version, _PARTS.index("patch"))
    else:
        known, count = version.pre
        if phase < known:
            problem = Problem(what=f"{version} is a later pre-release than any {phase!r}", hint=_HINT)
            raise RequestError("bump the version", [problem])
        if phase == known:
            # 1.3.0rc2.dev1 is before 1.3.0rc2.
            number = count if version.is_devrelease else count + 1
    return _with_epoch(version, f"{base}{phase}{number}")


def _with_epoch(version: Version, text: str) -> str:
    return f"{version.epoch}!{text}" if version.epoch else text


def _order_problems(settings: ReleaseSettings, version: str, clone: Clone) -> list[Problem]:
    tags = [(tag.name, release_version(settings.executable, tag.name)) for tag in clone.tags]
    taken = [name for name, found in tags if found is not None and found >= Version(version)]
    problems = []
    if Version(version) <= Version(settings.project_version):
        what = f"{version} isn't higher than the version in pyproject.toml, {settings.project_version}"
        problems.append(Problem(what=what, hint=_HINT))
    return problems + [
        Problem(what=f"{version} isn't higher than the tag {name}", hint="choose a higher version") for name in taken
    ]


def _tree_problems(clone: Clone) -> list[Problem]:
    hint = "commit or stash your changes: `git status` lists them"
    return [Problem(what="there are uncommitted changes", hint=hint)] if clone.changed_files else []


def _with_version(text: str, old: str, new: str) -> str | None:
    """The text of `pyproject.toml` with the new version as its only change; None if no line has the old one."""
    for match in re.finditer(rf"^([ \t]*version[ \t]*=[ \t]*)([\"']){re.escape(old)}\2", text, re.MULTILINE):
        changed = f"{text[: match.start()]}{match[1]}{match[2]}{new}{match[2]}{text[match.end() :]}"
        # Other tables may have a version too.
        if _project_version(tomllib.loads(changed)) == new:
            return changed
    return None


def _project_version(pyproject: Mapping[str, Any]) -> object:
    poetry = pyproject.get("tool", {}).get("poetry", {})
    return pyproject.get("project", {}).get("version", poetry.get("version"))


def _read(path: Path) -> str:
    """The text with its own ends of lines; "" if there is no such file."""
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
