import pytest

from release_tools.releasing.publish.release_text import (
    BODY_LIMIT_BYTES,
    Marker,
    cut_notes,
    is_newest_stable,
    is_prerelease,
    read_marker,
    release_body,
)

MARKER = Marker(tag="tiny-v1.2.3", commit="a" * 40, publisher="run-17-create-release")


@pytest.mark.parametrize("version", ["1.2.3", "0.1.0", "2026.11", "1.0.0.post1", "1.0.0+build.5", "1.0", "10.0.0"])
def test_a_stable_version_is_no_prerelease(version: str) -> None:
    assert not is_prerelease(version)


@pytest.mark.parametrize(
    "version",
    ["1.2.3a1", "1.2.3b2", "1.2.3rc1", "1.2.3.dev4", "1.2.3-rc.1", "1.2.3-alpha", "1.2.3-nightly.20261123", "1.2.3-1"],
)
def test_a_prerelease_is_told_by_pep_440_and_by_semantic_versioning(version: str) -> None:
    assert is_prerelease(version)


@pytest.mark.parametrize("version", ["next", "1.2.x", ""])
def test_what_nobody_can_read_is_never_offered_as_stable(version: str) -> None:
    assert is_prerelease(version)
    assert not is_newest_stable("tiny", version, [])


def test_a_letter_in_the_name_of_the_program_makes_no_prerelease() -> None:
    assert is_newest_stable("alpha-beta-rc", "1.0.0", ["alpha-beta-rc-v0.9.0"])


@pytest.mark.parametrize(
    ("version", "is_newest"),
    [("1.10.0", True), ("1.9.9", False), ("1.10.0rc1", False), ("2.0.0.post1", True), ("1.9.0.post1", False)],
)
def test_the_newest_stable_version_is_found_by_number_not_by_letter(version: str, is_newest: bool) -> None:
    tags = ["tiny-v1.9.0", "tiny-v1.9.10", "tiny-v3.0.0rc1", "other-v7.0.0", "tiny-vnext", "v8.0.0"]
    assert is_newest_stable("tiny", version, tags) is is_newest


def test_a_marker_is_read_from_the_first_line_as_github_gives_it_back() -> None:
    body = release_body(MARKER, "notes\n")
    assert read_marker(body) == MARKER
    assert read_marker(body.replace("\n", "\r\n")) == MARKER
    assert read_marker(MARKER.line.strip()) == MARKER


@pytest.mark.parametrize("before", [" ", "notes\n", "\n", "<!-- x -->", "﻿"])
def test_a_marker_that_somebody_wrote_into_a_commit_message_does_not_count(before: str) -> None:
    assert read_marker(before + MARKER.line) is None


def test_notes_that_fit_are_left_as_they_are() -> None:
    notes = "- ✓ x\n" * 100
    assert cut_notes(notes, len(notes.encode())) == notes


@pytest.mark.parametrize("line", ["- change\n", "- " + "✓" * 300 + "\n", "x" * 5000 + "\n"])
def test_notes_that_are_too_long_are_cut_at_the_end_of_a_line_and_say_so(line: str) -> None:
    body = release_body(MARKER, line * (200_000 // len(line)))
    assert BODY_LIMIT_BYTES - len(line.encode()) - 10 < len(body.encode()) <= BODY_LIMIT_BYTES < 125_000
    notes, _, last = body.removeprefix(MARKER.line).partition("\n\n*These notes")
    assert last == " are too long for GitHub and were cut here.*\n"
    assert set(notes.splitlines(keepends=True)) == {line}


def test_a_block_of_code_that_is_cut_is_closed() -> None:
    cut = cut_notes("```sh\n" + "curl\n" * 100, 200)
    assert cut.count("```") == 2
    assert "curl\n```\n\n\n*These notes" in cut
    assert len(cut.encode()) <= 200
