import sys
from collections.abc import Sequence
from pathlib import Path

import coverage.tracer
import lief
import pytest

from release_tools.binaries import stripping
from release_tools.binaries.rpaths import Entry
from release_tools.binaries.stripping import is_strippable, strip_copies, stripped_binaries, with_programs_as_data
from release_tools.errors import MissingToolError
from tests.release_tools.verification.static.samples import make_elf

LIBRARY = make_elf(needed=["libc.so.6"])

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux binaries are stripped")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A path, written by the test."""
    return tmp_path / "library.so"


def test_library_is_strippable(library: Path) -> None:
    library.write_bytes(LIBRARY)
    assert is_strippable(library)


@pytest.mark.parametrize(
    "content",
    [LIBRARY + b"payload", make_elf(is_static_program=True), b"\x7fELF", b"", b"MZ" + LIBRARY[2:]],
    ids=["appended", "static program", "short", "empty", "PE"],
)
def test_other_files_are_not(library: Path, content: bytes) -> None:
    library.write_bytes(content)
    assert not is_strippable(library)


def test_library_for_another_machine_is_not(library: Path) -> None:
    library.write_bytes(LIBRARY[:18] + b"\x02\x00" + LIBRARY[20:])
    assert not is_strippable(library)


def test_programs_are_copied_as_they_are(tmp_path: Path) -> None:
    contents = {"bin/tool": make_elf(is_static_program=True, runpath="/opt/lib"), "fast.so": LIBRARY, "a.txt": b"text"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    entries = [(name, str(tmp_path / name), "BINARY") for name in contents]
    assert [kind for *_, kind in with_programs_as_data(entries)] == ["DATA", "BINARY", "BINARY"]


@pytest.fixture
def libraries(tmp_path: Path) -> list[Entry]:
    """Copies of an extension module with a symbol that no program needs, one of them in a folder."""
    module = lief.ELF.parse(coverage.tracer.__file__)
    assert module is not None
    symbol = lief.ELF.Symbol()
    symbol.name = "unneeded"
    module.add_symtab_symbol(symbol)
    entries = []
    for name in ("first.so", "package/second.so", "third.so"):
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        module.write(str(path))
        entries.append((name, str(path), "EXTENSION"))
    return entries


@pytest.mark.programs
def test_stripped_copies_have_only_what_the_loader_reads(
    libraries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripping, "_FILES_AT_ONCE", 2)
    stripped = stripped_binaries(libraries, tmp_path / "stripped")
    assert [(name, kind) for name, _, kind in stripped] == [(name, kind) for name, _, kind in libraries]
    for (_, source, _), (_, copy, _) in zip(libraries, stripped, strict=True):
        before, after = lief.ELF.parse(source), lief.ELF.parse(copy)
        assert before is not None
        assert after is not None
        assert {symbol.name for symbol in before.symtab_symbols} >= {"unneeded"}
        assert [*after.symtab_symbols] == []
        assert [symbol.name for symbol in after.dynamic_symbols] == [symbol.name for symbol in before.dynamic_symbols]


def test_what_is_no_native_file_stays(tmp_path: Path) -> None:
    entries = [("link.so", "first.so", "SYMLINK"), ("a.txt", str(tmp_path / "missing"), "DATA")]
    assert stripped_binaries(entries, tmp_path / "stripped") == entries


def test_what_cannot_be_stripped_is_data(libraries: list[Entry], tmp_path: Path) -> None:
    appended, checked, noted = (Path(source) for _, source, _ in libraries)
    appended.write_bytes(LIBRARY + b"payload")
    checked.with_name(".second.so.hmac").touch()
    noted.with_suffix(".chk").touch()
    entries = [("bin/python", sys.executable, "BINARY"), *libraries]
    assert stripped_binaries(entries, tmp_path / "stripped") == [(name, path, "DATA") for name, path, _ in entries]
    assert not (tmp_path / "stripped").exists()


@pytest.mark.programs
def test_file_that_strip_refuses_stays_and_is_logged(libraries: list[Entry], capfd: pytest.CaptureFixture[str]) -> None:
    sources = {Path(source).with_suffix(".copy"): Path(source) for _, source, _ in libraries}
    first, refused, last = sources
    before = first.with_suffix(".so").read_bytes()
    sources[refused].write_bytes(b"no native file")
    assert strip_copies(sources) == [refused]
    assert refused.read_bytes() == b"no native file"
    assert [len(path.read_bytes()) < len(before) for path in (first, last)] == [True, True]
    (line,) = (line for line in capfd.readouterr().err.splitlines() if line.startswith("WARNING: "))
    assert refused.name in line


def test_file_that_strip_damages_is_copied_again(libraries: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    def damage(paths: Sequence[Path]) -> bool:
        for path in paths:
            path.write_bytes(b"damaged")
        return False

    monkeypatch.setattr(stripping, "_strip", damage)
    sources = {Path(source).with_suffix(".copy"): Path(source) for _, source, _ in libraries}
    assert strip_copies(sources) == [*sources]
    assert [copy.read_bytes() for copy in sources] == [source.read_bytes() for source in sources.values()]


def test_missing_strip_is_named(libraries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError):
        stripped_binaries(libraries, tmp_path / "stripped")
