from pathlib import Path

import pytest

from release_tools.releasing.notes.changelog import changelog_problems, changelog_sections

REPOSITORY = Path(__file__).parents[4]


def problem_of(folder: Path, text: str) -> str | None:
    (folder / "CHANGELOG.md").write_text(text, encoding="utf-8")
    problems = changelog_problems(folder, "1.2.3")
    return problems[0].what if problems else None


@pytest.mark.parametrize(
    "text",
    [
        "## [Unreleased]\n\n- It greets.\n",
        "## Unreleased\n\nIt greets.\n",
        "## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n\n- It greets.\n",
        "## [v1.2.3]\n* It greets.\n",
    ],
)
def test_an_entry_under_the_version_or_under_unreleased_is_enough(tmp_path: Path, text: str) -> None:
    assert problem_of(tmp_path, text) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "neither a section 1.2.3 nor Unreleased"),
        ("## [1.2.2]\n\n- Old.\n", "neither a section 1.2.3 nor Unreleased"),
        ("## [Unreleased]\n\n### Added\n\n## [1.2.2]\n\n- Old.\n", "the section Unreleased of CHANGELOG.md is empty"),
        ("## [Unreleased]\n\n<!-- nothing\n\n- yet -->\n", "the section Unreleased of CHANGELOG.md is empty"),
        ("## [Unreleased]\n\n[Unreleased]: https://example.org\n", "the section Unreleased of CHANGELOG.md is empty"),
        ("## [Unreleased]\n\n- New.\n\n## [1.2.3]\n", "the section 1.2.3 of CHANGELOG.md is empty"),
    ],
)
def test_a_version_that_users_are_told_nothing_about_is_a_problem(tmp_path: Path, text: str, what: str) -> None:
    assert what in (problem_of(tmp_path, text) or "")


def test_no_changelog_and_one_that_is_no_text_are_problems(tmp_path: Path) -> None:
    assert changelog_problems(tmp_path, "1.2.3")[0].what == "there is no CHANGELOG.md"
    (tmp_path / "CHANGELOG.md").write_bytes(b"\xff\xfe")
    assert changelog_problems(tmp_path, "1.2.3")[0].what == "CHANGELOG.md is not UTF-8"


def test_the_changelog_of_this_repository_is_read() -> None:
    sections = changelog_sections((REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert any(entry.startswith("- ") for entry in next(iter(sections.values())))
