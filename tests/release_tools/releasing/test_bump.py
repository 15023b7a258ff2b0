"""The next version, in `pyproject.toml` and the changelog."""

from datetime import date

import pytest

from release_tools.errors import RequestError
from release_tools.releasing.bump import bump, next_version
from release_tools.releasing.notes.changelog import changelog_problems, changelog_sections, with_released_section
from tests.release_tools.conftest import PYPROJECT
from tests.release_tools.releasing.project_clone import ProjectClone

TODAY = date(2026, 1, 31)
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- It sings.\n\n## [1.2.3] - 2025-12-01\n\n- It greets.\n"


@pytest.mark.parametrize(
    ("current", "part", "expected"),
    [
        ("1.2.3", "major", "2.0.0"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "patch", "1.2.4"),
        ("1.2", "minor", "1.3"),
        ("1.2", "patch", "1.2.1"),
        ("1.2.3.4", "patch", "1.2.4.0"),
        ("2!1.2.3", "minor", "2!1.3.0"),
        ("1.2.3.post1", "patch", "1.2.4"),
        ("1.3.0rc1", "patch", "1.3.0"),
        ("1.3.0rc1", "minor", "1.3.0"),
        ("1.3.0rc1", "major", "2.0.0"),
        ("1.2.4rc1", "minor", "1.3.0"),
        ("2.0.0a1", "major", "2.0.0"),
        ("1.3.0.dev1", "minor", "1.3.0"),
        ("1.2.3", "rc", "1.2.4rc1"),
        ("1.2.3", "alpha", "1.2.4a1"),
        ("1.3.0a2", "a", "1.3.0a3"),
        ("1.3.0a2", "rc", "1.3.0rc1"),
        ("1.3.0.dev1", "b", "1.3.0b1"),
        ("1.3.0rc2.dev1", "rc", "1.3.0rc2"),
        ("1.2.3", "1.3.0rc1", "1.3.0rc1"),
    ],
)
def test_part_names_the_number_that_grows(current: str, part: str, expected: str) -> None:
    assert next_version(current, part) == expected


@pytest.mark.parametrize("part", ["v1.3.0", "1.3.0-rc1", "1.3.0+local", "next", "", "--help", "01.2.3"])
def test_anything_else_is_refused(part: str) -> None:
    with pytest.raises(RequestError):
        next_version("1.2.3", part)


def test_earlier_phase_is_refused() -> None:
    with pytest.raises(RequestError):
        next_version("1.3.0rc1", "b")


def bump_clone(clone: ProjectClone, part: str, *, is_dry_run: bool = False) -> list[str]:
    said: list[str] = []
    bump(clone.settings, part, TODAY, said.append, is_dry_run=is_dry_run)
    return said


def problems_of(clone: ProjectClone, part: str) -> list[str]:
    before = clone.fingerprint()
    with pytest.raises(RequestError) as caught:
        bump_clone(clone, part)
    assert clone.fingerprint() == before
    return [problem.what for problem in caught.value.problems]


@pytest.mark.programs
def test_version_and_changelog_are_written(clone: ProjectClone) -> None:
    text = PYPROJECT.replace("[project]", '[tool.other]\nversion = "1.2.3"\n\n[project]  # ours').replace("\n", "\r\n")
    (clone.root / "pyproject.toml").write_bytes(text.encode())
    clone.write("CHANGELOG.md", CHANGELOG)
    clone.commit_all("docs: describe it")
    bump_clone(clone, "minor")
    assert clone.settings.project_version == "1.3.0"
    own = text.index("ours")
    changed = text[:own] + text[own:].replace('version = "1.2.3"', 'version = "1.3.0"', 1)
    assert (clone.root / "pyproject.toml").read_bytes() == changed.encode()
    sections = changelog_sections((clone.root / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert sections == {"Unreleased": (), "1.3.0": ("- It sings.",), "1.2.3": ("- It greets.",)}
    assert "## [1.3.0] - 2026-01-31\n" in (clone.root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog_problems(clone.root, "1.3.0") == []
    assert sorted(clone.git("diff", "--name-only").split()) == ["CHANGELOG.md", "pyproject.toml"]


@pytest.mark.programs
def test_prerelease_leaves_its_entries_unreleased(clone: ProjectClone) -> None:
    bump_clone(clone, "rc")
    assert clone.settings.project_version == "1.2.4rc1"
    assert clone.git("diff", "--name-only") == "pyproject.toml"


@pytest.mark.programs
def test_dry_run_writes_nothing(clone: ProjectClone) -> None:
    before = clone.fingerprint()
    assert any("1.2.4" in line for line in bump_clone(clone, "patch", is_dry_run=True))
    assert clone.fingerprint() == before


@pytest.mark.programs
def test_legacy_poetry_version_is_written(clone: ProjectClone) -> None:
    text = PYPROJECT.replace('version = "1.2.3"\n', "").replace('name = "tiny-app"', 'name = "tiny-app"', 1)
    clone.write("pyproject.toml", f"{text}\n[tool.poetry]\nversion = '1.2.3'\n")
    clone.commit_all("build: use Poetry's table")
    bump_clone(clone, "patch")
    assert clone.settings.project_version == "1.2.4"


@pytest.mark.programs
def test_every_reason_not_to_bump_is_listed(clone: ProjectClone) -> None:
    clone.git("tag", "tiny-v2.0.0")
    clone.git("tag", "other-v9.0.0")
    clone.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n")
    problems = problems_of(clone, "1.2.2")
    assert len(problems) == 4
    assert all(
        word in problem
        for word, problem in zip(["1.2.3", "tiny-v2.0.0", "uncommitted", "Unreleased"], problems, strict=True)
    )


@pytest.mark.programs
def test_version_that_cannot_be_replaced_is_refused(clone: ProjectClone) -> None:
    text = PYPROJECT.replace(
        '[project]\nname = "tiny-app"\nversion = "1.2.3"', '[project]\n"version" = "1.2.3"\nname = "t"'
    )
    clone.write("pyproject.toml", text)
    clone.commit_all("build: quote the key")
    assert len(problems_of(clone, "patch")) == 1


def test_links_below_the_changelog_are_continued() -> None:
    links = (
        "[Unreleased]: https://github.com/o/n/compare/tiny-v1.2.3...HEAD\n[1.2.3]: https://github.com/o/n/releases\n"
    )
    text = with_released_section(f"{CHANGELOG}\n{links}", "1.3.0", "tiny-v1.3.0", TODAY)
    assert text.endswith(
        "[Unreleased]: https://github.com/o/n/compare/tiny-v1.3.0...HEAD\n"
        "[1.3.0]: https://github.com/o/n/compare/tiny-v1.2.3...tiny-v1.3.0\n"
        "[1.2.3]: https://github.com/o/n/releases\n"
    )


def test_section_that_was_written_already_stays() -> None:
    assert with_released_section(CHANGELOG, "1.2.3", "tiny-v1.2.3", TODAY) == CHANGELOG


def test_headings_without_brackets_stay_without() -> None:
    text = with_released_section("## Unreleased\r\n\r\n- It sings.\r\n", "1.3.0", "tiny-v1.3.0", TODAY)
    assert text == "## Unreleased\r\n\r\n## 1.3.0 - 2026-01-31\r\n\r\n- It sings.\r\n"
