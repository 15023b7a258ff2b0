from pathlib import Path

import pytest

from release_tools.errors import SizeRecordError
from release_tools.sizes.contents import (
    DATA,
    MODULE,
    NATIVE,
    START,
    keep_contents,
    read_contents,
    totals_by_owner,
    totals_by_part,
)
from tests.release_tools.sizes.samples import executable_of, make_contents


def test_every_part_has_an_owner_and_a_kind(tmp_path: Path) -> None:
    parts = {part.name: (part.owner, part.kind) for part in make_contents(tmp_path).parts if part.kind != START}
    assert parts == {
        "one/_fast.so": ("one", NATIVE),
        "one/words.txt": ("one", DATA),
        "one-1.0.dist-info/METADATA": ("one", DATA),
        "one": ("one", MODULE),
        "one.cli": ("one", MODULE),
        "two": ("two", MODULE),
    }


def test_packed_bytes_add_up_to_the_executable(tmp_path: Path) -> None:
    contents = make_contents(tmp_path)
    total = sum(one.packed for one in totals_by_owner(contents, None)) + contents.unattributed
    assert total == executable_of(tmp_path).stat().st_size
    assert contents.unattributed > 0


def test_raw_bytes_are_the_unpacked_ones(tmp_path: Path) -> None:
    parts = {part.name: part for part in make_contents(tmp_path).parts}
    assert parts["one.cli"].raw > 5000 > parts["one.cli"].packed
    assert parts["one/words.txt"].raw == 6000


def test_changes_are_those_of_each_part(tmp_path: Path) -> None:
    before, now = make_contents(tmp_path), make_contents(tmp_path, words=0)
    by_part = {one.name: one.change for one in totals_by_part(now, before) if one.change}
    assert by_part.keys() == {"one/words.txt"}
    by_owner = {one.name: one.change for one in totals_by_owner(now, before)}
    assert by_owner["one"] == by_part["one/words.txt"]
    assert by_owner["two"] == 0
    assert all(one.change is None for one in totals_by_owner(now, None))


def test_vanished_parts_are_listed(tmp_path: Path) -> None:
    before = make_contents(tmp_path)
    (gone,) = [part for part in before.parts if part.name == "two"]
    now = type(before)(**{**vars(before), "parts": tuple(part for part in before.parts if part != gone)})
    (total,) = [one for one in totals_by_owner(now, before) if one.name == "two"]
    assert (total.count, total.packed, total.change) == (0, 0, -gone.packed)


def test_last_build_is_the_one_with_other_bytes(tmp_path: Path) -> None:
    path = tmp_path / "sizes.json"
    first, second = make_contents(tmp_path), make_contents(tmp_path, words=2000)
    assert keep_contents(first, path) is None
    # Measured twice, it's still the first one.
    assert keep_contents(first, path) is None
    assert keep_contents(second, path) == first
    assert keep_contents(second, path) == first
    assert read_contents(path) == second


def test_contents_of_another_library_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "sizes.json"
    path.write_text('{"schema": 0}', encoding="utf-8")
    assert read_contents(path) is None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 1, "parts": [[1]]}', '{"schema": 1, "parts": []}'])
def test_damaged_record_is_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sizes.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SizeRecordError) as caught:
        read_contents(path)
    assert caught.value.path == path
