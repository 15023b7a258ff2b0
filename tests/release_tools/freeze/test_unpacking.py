"""What the bootloader leaves packed, and how the program unpacks it, with archives that PyInstaller writes."""

import os
import sys
from pathlib import Path

import pytest
from PyInstaller.archive.writers import CArchiveWriter

from release_tools.binaries.payload import BINARY, DATA, Payload
from release_tools.freeze import deferred_files
from release_tools.freeze.runtime import bootloader, unpacking

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="on Windows, the bootloader unpacks everything")

FILES = {"needed": ("x", b"needed"), "deep/er/data": ("x", b"data" * 500_000), "deep/library": ("b", b"library")}


class EndedError(Exception):
    """The program has ended."""


@pytest.fixture
def executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An executable that leaves all but one of its files to the program."""
    entries = []
    for number, (name, (kind, content)) in enumerate(FILES.items()):
        source = tmp_path / f"source{number}"
        source.write_bytes(content)
        entries.append((name, str(source), False, kind))
    # Restores PyInstaller's own at the end.
    monkeypatch.setattr(CArchiveWriter, "_serialize_toc", CArchiveWriter._serialize_toc)
    deferred_files.install(frozenset({"needed"}))
    archive = tmp_path / "archive"
    CArchiveWriter(str(archive), entries, "libpython")
    path = tmp_path / "executable"
    path.write_bytes(b"program" * 20_000 + archive.read_bytes() + b"section headers" * 5_000)
    return path


@pytest.fixture
def folder(tmp_path: Path, executable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a program that the bootloader has just started."""
    folder = tmp_path / "_MEI"
    (folder / "deep").mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(executable))
    monkeypatch.setattr(sys, "_MEIPASS", str(folder), raising=False)
    monkeypatch.setattr(bootloader, "process_id", os.getppid())

    def end(code: int) -> None:
        raise EndedError(code)

    monkeypatch.setattr(os, "_exit", end)
    return folder


def test_bootloader_unpacks_only_what_is_needed(executable: Path) -> None:
    table = {name: kind for kind, name, _, _ in unpacking.read_table(os.open(executable, os.O_RDONLY))}
    assert table == {"needed": b"x", "deep/er/data": b"X", "deep/library": b"B"}


def test_checks_see_ordinary_files(executable: Path) -> None:
    payload = Payload(executable)
    assert {member.name: (member.kind, payload.read(member)) for member in payload.members} == FILES
    assert {member.kind for member in payload.members} == {BINARY, DATA}


def test_program_unpacks_the_rest(folder: Path) -> None:
    unpacking.unpack()
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in found.items()} == {
        name: content for name, (_, content) in FILES.items() if name != "needed"
    }
    modes = [path.stat().st_mode & 0o777 for path in (found["deep/library"], found["deep/er/data"], folder / "deep/er")]
    assert modes == [0o700, 0o600, 0o700]


def test_program_that_replaced_itself_finds_its_files(folder: Path) -> None:
    unpacking.unpack()
    (folder / "deep/er/data").write_bytes(b"changed")
    unpacking.unpack()
    assert (folder / "deep/er/data").read_bytes() == b"changed"


def test_only_the_first_process_unpacks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootloader, "process_id", 0)
    unpacking.unpack()
    assert list((folder / "deep").iterdir()) == []


def test_process_without_its_killed_bootloader_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No system has as many processes.
    abandoned = folder.rename(folder.parent / "_MEI7fff0000abcdef")
    monkeypatch.setattr(sys, "_MEIPASS", str(abandoned))
    monkeypatch.setattr(bootloader, "process_id", 0)
    with pytest.raises(EndedError):
        unpacking.unpack()
    (abandoned / "deep/library").touch()
    unpacking.unpack()


def test_file_that_cannot_be_written_ends_the_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Not even root can create a file in the place of a folder.
    (folder / "deep/library").mkdir()
    with pytest.raises(EndedError, match="1"):
        unpacking.unpack()
    assert str(folder / "deep/library") in capsys.readouterr().err


def test_link_in_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "deep/library").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EndedError):
        unpacking.unpack()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("keep", [0, 100, 200_000])
def test_damaged_executable_ends_the_program(folder: Path, executable: Path, keep: int) -> None:
    content = executable.read_bytes()
    executable.write_bytes(content[:keep])
    with pytest.raises(EndedError):
        unpacking.unpack()
    assert folder.is_dir()
