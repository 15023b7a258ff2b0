"""What the bootloader leaves packed, and how the program unpacks it, with archives that PyInstaller writes."""

import os
import sys
from pathlib import Path

import pytest

from release_tools.binaries.payload import BINARY, DATA, Payload
from release_tools.freeze.deferred_files import Deferral, Moment
from release_tools.freeze.runtime import bootloader, payload, unpacking
from tests.release_tools.freeze.executables import run_as, write_executable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="on Windows, the bootloader unpacks everything")

FILES = {"needed": ("x", b"needed"), "deep/er/data": ("x", b"data" * 500_000), "deep/library": ("b", b"library")}
KINDS = {"deep/er/data": payload.DATA_AT_START, "deep/library": payload.NATIVE_AT_START}
PLAN = Deferral(moments=dict.fromkeys(KINDS, Moment.START), libraries={})


class EndedError(Exception):
    """The program has ended."""


@pytest.fixture
def executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An executable that leaves all but one of its files to the program."""
    return write_executable(tmp_path, monkeypatch, FILES, PLAN)


@pytest.fixture
def folder(tmp_path: Path, executable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a program that the bootloader has just started."""
    folder = tmp_path / "_MEI"
    (folder / "deep").mkdir(parents=True)
    run_as(executable, monkeypatch)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(folder), raising=False)
    monkeypatch.setattr(bootloader, "process_id", os.getppid())

    def end(code: int) -> None:
        raise EndedError(code)

    monkeypatch.setattr(os, "_exit", end)
    return folder


@pytest.mark.usefixtures("folder")
def test_bootloader_unpacks_only_what_is_needed() -> None:
    table = {name: kind for kind, name, _, _, _ in payload.read_table()}
    assert table == {"needed": "x", payload.LIBRARIES: payload.INDEX, **KINDS}


def test_checks_see_ordinary_files(executable: Path) -> None:
    found = Payload(executable)
    files = [member for member in found.members if member.kind in {BINARY, DATA}]
    assert {member.name: (member.kind, found.read(member)) for member in files} == FILES
    assert not any(member.is_on_demand for member in files)


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
    for name in KINDS:
        (abandoned / name).parent.mkdir(exist_ok=True)
        (abandoned / name).touch()
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


@pytest.mark.parametrize("keep", [0, 100, 140_050])
def test_damaged_executable_ends_the_program(folder: Path, executable: Path, keep: int) -> None:
    content = executable.read_bytes()
    executable.write_bytes(content[:keep])
    with pytest.raises(EndedError):
        unpacking.unpack()
    assert folder.is_dir()
