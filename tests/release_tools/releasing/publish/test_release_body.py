import pytest

from release_tools.releasing.publish.release_body import (
    BODY_LIMIT_BYTES,
    Marker,
    read_marker,
    release_body,
    truncate_notes,
)

MARKER = Marker(tag="tiny-v1.2.3", commit="a" * 40, publisher_id="run-17-create-release")


def test_marker_is_read_from_first_line() -> None:
    body = release_body(MARKER, "notes\n")
    assert read_marker(body) == MARKER
    assert read_marker(body.replace("\n", "\r\n")) == MARKER
    assert read_marker(MARKER.line.strip()) == MARKER


@pytest.mark.parametrize("before", [" ", "notes\n", "\n", "<!-- x -->", "﻿"])
def test_marker_elsewhere_is_ignored(before: str) -> None:
    assert read_marker(before + MARKER.line) is None


def test_short_notes_are_unchanged() -> None:
    notes = "- ✓ x\n" * 100
    assert truncate_notes(notes, len(notes.encode())) == notes


@pytest.mark.parametrize("line", ["- change\n", "- " + "✓" * 300 + "\n", "x" * 5000 + "\n"])
def test_long_notes_are_truncated_at_line_end(line: str) -> None:
    body = release_body(MARKER, line * (200_000 // len(line)))
    assert BODY_LIMIT_BYTES - len(line.encode()) - 10 < len(body.encode()) <= BODY_LIMIT_BYTES < 125_000
    notes, remark, _ = body.removeprefix(MARKER.line).partition("\n\n*These notes were truncated")
    assert remark
    assert set(notes.splitlines(keepends=True)) == {line}


def test_truncated_code_block_is_closed() -> None:
    cut = truncate_notes("```sh\n" + "curl\n" * 100, 200)
    assert cut.count("```") == 2
    assert "curl\n```\n\n\n*These notes" in cut
    assert len(cut.encode()) <= 200
