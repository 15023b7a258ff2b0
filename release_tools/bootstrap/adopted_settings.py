"""Adds to a project's pyproject.toml and .gitignore what the release tools need, as text: comments stay."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from release_tools.settings import project_table
from release_tools.settings_schema import TABLE, table_at

_IGNORED: Final = ("/build/", "/dist/", "/.venv/", "/.nox/", "__pycache__/")
# GitHub's .gitignore for Python ignores *.spec, which PyInstaller writes for others.
_NOT_IGNORED: Final = "!/release_tools/freeze/freeze.spec"

TEST_GROUP: Final = 'test = ["pytest>=9,<10"]'
_OPTIONAL_GROUP: Final = "[tool.poetry.group.test]\noptional = true\n"


def with_settings(
    text: str, pyproject: Mapping[str, Any], executable: str, *, has_tests: bool
) -> tuple[str, list[str]]:
    """The text with a table for the release tools, and a group for tests if there are any; and what can't be added."""
    notes: list[str] = []
    for label, block, is_needed in (
        ("[dependency-groups]", TEST_GROUP, has_tests and not _has_test_group(pyproject)),
        (TABLE, _settings_block(pyproject, executable, has_tests=has_tests), not _has_settings(pyproject)),
    ):
        new = _added(text, label, block) if is_needed else text
        if _is_valid(new):
            text = new
        else:
            notes.append(f"add to {label} in pyproject.toml yourself:\n{block}")
    return text, notes


def with_ignored_folders(text: str) -> str:
    """The lines of a .gitignore, with those that are missing for builds, and nothing of the library ignored."""
    present = {line.strip().strip("/") for line in text.splitlines()}
    wanted = [*_IGNORED, *([_NOT_IGNORED] if "*.spec" in present else [])]
    missing = [line for line in wanted if line.strip("/") not in present]
    if not missing:
        return text
    return "\n".join([*([text.rstrip("\n")] if text.strip() else []), *missing, ""])


def _added(text: str, label: str, block: str) -> str:
    """The text with the block at the start of a table, or at its end in a new table."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = block.replace("\n", end)
    if label == TABLE:
        return f"{text.rstrip()}{end}{end}{label}{end}{lines}{end}"
    optional = _OPTIONAL_GROUP.replace("\n", end)
    header = re.search(r"^\[dependency-groups\][^\n]*\n", text, re.MULTILINE)
    if header is None:
        return f"{text.rstrip()}{end}{end}{label}{end}{lines}{end}{end}{optional}"
    return f"{text[: header.end()]}{lines}{end}{text[header.end() :].rstrip()}{end}{end}{optional}"


def _is_valid(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _has_settings(pyproject: Mapping[str, Any]) -> bool:
    return "release-tools" in table_at(pyproject, "tool")


def _has_test_group(pyproject: Mapping[str, Any]) -> bool:
    return "test" in table_at(pyproject, "dependency-groups") or "test" in table_at(
        pyproject, "tool", "poetry", "group"
    )


def _settings_block(pyproject: Mapping[str, Any], executable: str, *, has_tests: bool) -> str:
    variable = re.sub(r"\W", "_", executable, flags=re.ASCII).upper()
    lines = [f'executable = "{executable}"'] if project_table(pyproject).get("name") != executable else []
    lines += [
        "# What has to work in an empty environment, without a terminal: the app's main job, not just its help.",
        f'# smoke-commands = [["--help"], ["the", "arguments", "of", "{executable}"]]',
    ]
    if has_tests:
        lines += [
            "# Tests that start the program that the variable names.",
            '# test-suite = "tests"',
            f'# test-binary-variable = "{variable}_BINARY"',
        ]
    return "\n".join(lines)
