from pathlib import Path

import pytest

from release_tools.releasing.notes.changelog import changelog_problems, changelog_sections

REPOSITORY = Path(__file__).parents[4]


def problem_of(folder: Path, text: str) -> str:
    (folder / "CHANGELOG.md").write_text(text, encoding="utf-8")
    return "".join(problem.what for problem in changelog_problems(folder, "1.2.3"))


@pytest.mark.parametrize(
    "text",
    [
        "## [Unreleased]\n\n- It greets.\n",
        "## Unreleased\n\nIt greets.\n",
        "## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n\n- It greets.\n",
        "## [v1.2.3]\n* It greets.\n",
    ],
)
def test_entry_for_version_or_unreleased_is_enough(tmp_path: Path, text: str) -> None:
    assert problem_of(tmp_path, text) == ""


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("", "1.2.3"),
        ("## [1.2.2]\n\n- Old.\n", "1.2.3"),
        ("## [Unreleased]\n\n### Added\n\n## [1.2.2]\n\n- Old.\n", "Unreleased"),
        ("## [Unreleased]\n\n<!-- nothing\n\n- yet -->\n", "Unreleased"),
        ("## [Unreleased]\n\n[Unreleased]: https://example.org\n", "Unreleased"),
        ("## [Unreleased]\n\n- New.\n\n## [1.2.3]\n", "1.2.3"),
    ],
)
def test_version_without_entry_is_a_problem(tmp_path: Path, text: str, section: str) -> None:
    assert section in problem_of(tmp_path, text)


def test_missing_or_binary_changelog_is_a_problem(tmp_path: Path) -> None:
    assert len(changelog_problems(tmp_path, "1.2.3")) == 1
    (tmp_path / "CHANGELOG.md").write_bytes(b"\xff\xfe")
    assert len(changelog_problems(tmp_path, "1.2.3")) == 1


def test_changelog_of_this_repository_is_parsed() -> None:
    sections = changelog_sections((REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert any(entry.startswith("- ") for entry in next(iter(sections.values())))
