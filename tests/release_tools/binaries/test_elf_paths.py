"""Foreign run paths go, and not a byte of anything else."""

import stat
from pathlib import Path

import pytest

from release_tools.binaries.elf_paths import clean_run_paths, cleaned_binaries
from release_tools.binaries.native_files import read_native
from tests.release_tools.verification.static.samples import make_elf, make_macho

FOREIGN = "/home/someone/python/lib"


def run_paths(content: bytes) -> tuple[str, ...]:
    native = read_native(content)
    assert native is not None
    return native.run_paths


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FOREIGN, ()),
        (f"{FOREIGN}:$ORIGIN/../sample.libs", ("$ORIGIN/../sample.libs",)),
        (f"$ORIGIN:{FOREIGN}:${{ORIGIN}}/x", ("$ORIGIN", "${ORIGIN}/x")),
        (f"$ORIGIN::{FOREIGN}", ("$ORIGIN",)),
    ],
)
def test_only_paths_relative_to_the_file_stay(before: str, after: tuple[str, ...]) -> None:
    for content in (make_elf(run_path=before), make_elf(old_run_path=before)):
        cleaned = clean_run_paths(content)
        assert run_paths(cleaned) == after
        assert FOREIGN.encode() not in cleaned
        assert len(cleaned) == len(content)


def test_both_kinds_of_run_paths_are_cleaned() -> None:
    cleaned = clean_run_paths(make_elf(old_run_path="/opt/first", run_path="/opt/second"))
    assert run_paths(cleaned) == ()
    assert b"/opt/" not in cleaned


@pytest.mark.parametrize(
    "content", [make_elf(), make_elf(run_path="$ORIGIN"), make_macho(run_paths=["/x"]), b"\x7fELF"]
)
def test_what_has_no_foreign_path_stays_as_it_is(content: bytes) -> None:
    assert clean_run_paths(content) == content


def test_everything_else_that_the_loader_reads_is_unchanged() -> None:
    content = make_elf(
        run_path=FOREIGN, needed=["liba.so", "libb.so"], versions={"liba.so": ["A_1"]}, symbols=["first", "second"]
    )
    before, after = read_native(content), read_native(clean_run_paths(content))
    assert before is not None
    assert after is not None
    assert after.libraries == before.libraries == ("liba.so", "libb.so")
    assert after.symbol_versions == before.symbol_versions
    assert after.misaligned_segments == before.misaligned_segments == ()


def test_a_name_that_shares_the_end_of_the_path_survives() -> None:
    # `lib` is stored once: as the last three letters of the path.
    content = make_elf(run_path=FOREIGN, symbols=["lib"])
    cleaned = clean_run_paths(content)
    assert run_paths(cleaned) == ()
    assert content.count(b"lib\0") == cleaned.count(b"lib\0")
    assert b"/home/someone" not in cleaned


def test_cleaning_twice_is_cleaning_once() -> None:
    once = clean_run_paths(make_elf(run_path=f"{FOREIGN}:$ORIGIN"))
    assert clean_run_paths(once) == once


def test_a_bundle_gets_cleaned_copies_and_the_originals_are_left_alone(tmp_path: Path) -> None:
    foreign, good, linked = tmp_path / "foreign.so", tmp_path / "good.so", tmp_path / "linked.so"
    foreign.write_bytes(make_elf(run_path=FOREIGN))
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
    assert copy.read_bytes() == clean_run_paths(before)
    assert stat.S_IMODE(copy.stat().st_mode) == stat.S_IMODE(foreign.stat().st_mode)
    assert foreign.read_bytes() == before
