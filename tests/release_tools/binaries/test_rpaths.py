import stat
from pathlib import Path

import pytest

from release_tools.binaries.native_files import read_native
from release_tools.binaries.rpaths import clean_rpaths, cleaned_binaries
from tests.release_tools.verification.static.samples import make_elf, make_macho

FOREIGN = "/home/someone/python/lib"


def rpaths_of(content: bytes) -> tuple[str, ...]:
    native = read_native(content)
    assert native is not None
    return native.rpaths


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FOREIGN, ()),
        (f"{FOREIGN}:$ORIGIN/../sample.libs", ("$ORIGIN/../sample.libs",)),
        (f"$ORIGIN:{FOREIGN}:${{ORIGIN}}/x", ("$ORIGIN", "${ORIGIN}/x")),
        (f"$ORIGIN::{FOREIGN}", ("$ORIGIN",)),
    ],
)
def test_only_relative_rpaths_remain(before: str, after: tuple[str, ...]) -> None:
    for content in (make_elf(runpath=before), make_elf(rpath=before)):
        cleaned = clean_rpaths(content)
        assert rpaths_of(cleaned) == after
        assert FOREIGN.encode() not in cleaned
        assert len(cleaned) == len(content)


def test_rpath_and_runpath_are_both_cleaned() -> None:
    cleaned = clean_rpaths(make_elf(rpath="/opt/first", runpath="/opt/second"))
    assert rpaths_of(cleaned) == ()
    assert b"/opt/" not in cleaned


@pytest.mark.parametrize("content", [make_elf(), make_elf(runpath="$ORIGIN"), make_macho(rpaths=["/x"]), b"\x7fELF"])
def test_file_without_foreign_rpath_is_unchanged(content: bytes) -> None:
    assert clean_rpaths(content) == content


def test_libraries_versions_and_segments_are_unchanged() -> None:
    content = make_elf(
        runpath=FOREIGN, needed=["liba.so", "libb.so"], versions={"liba.so": ["A_1"]}, symbols=["first", "second"]
    )
    before, after = read_native(content), read_native(clean_rpaths(content))
    assert before is not None
    assert after is not None
    assert after.libraries == before.libraries == ("liba.so", "libb.so")
    assert after.symbol_versions == before.symbol_versions
    assert after.misaligned_segments == before.misaligned_segments == ()


def test_name_sharing_the_rpaths_tail_survives() -> None:
    # `lib` is only stored as the end of the rpath.
    content = make_elf(runpath=FOREIGN, symbols=["lib"])
    cleaned = clean_rpaths(content)
    assert rpaths_of(cleaned) == ()
    assert content.count(b"lib\0") == cleaned.count(b"lib\0")
    assert b"/home/someone" not in cleaned


def test_cleaning_is_idempotent() -> None:
    once = clean_rpaths(make_elf(runpath=f"{FOREIGN}:$ORIGIN"))
    assert clean_rpaths(once) == once


def test_bundle_gets_cleaned_copies_of_files(tmp_path: Path) -> None:
    foreign, good, linked = tmp_path / "foreign.so", tmp_path / "good.so", tmp_path / "linked.so"
    foreign.write_bytes(make_elf(runpath=FOREIGN))
    foreign.chmod(0o755)
    good.write_bytes(make_elf())
    before = foreign.read_bytes()
    table = [
        ("lib/foreign.so", str(foreign), "EXTENSION"),
        ("good.so", str(good), "BINARY"),
        ("linked.so", str(linked), "SYMLINK"),
    ]
    cleaned = cleaned_binaries(table, tmp_path / "cleaned")
    copy = tmp_path / "cleaned" / "lib" / "foreign.so"
    assert cleaned == [("lib/foreign.so", str(copy), "EXTENSION"), *table[1:]]
    assert copy.read_bytes() == clean_rpaths(before)
    assert stat.S_IMODE(copy.stat().st_mode) == stat.S_IMODE(foreign.stat().st_mode)
    assert foreign.read_bytes() == before
