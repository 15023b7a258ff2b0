"""Where the starts of a verification unpack themselves."""

import os
import sys
from pathlib import Path

import pytest

from release_tools.verification.memory_folder import ROOM_FOR_STARTS, temporary_root

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has a folder in memory that is the same everywhere"
)


@pytest.fixture
def executable(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"x")
    return path


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


def test_it_is_a_new_folder_in_memory_that_goes_with_its_contents(
    executable: Path, memory: Path, tmp_path: Path
) -> None:
    with temporary_root(executable, tmp_path, memory) as first, temporary_root(executable, tmp_path, memory) as second:
        assert (first.parent, second.parent) == (memory, memory)
        assert first != second
        (first / "left").mkdir()
    assert list(memory.iterdir()) == []


@pytest.mark.parametrize("lack", ["room", "leave to run programs", "leave to write", "the folder", "the executable"])
def test_without_what_it_needs_it_is_the_other_folder(
    executable: Path, memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    here = os.statvfs(memory)
    fields = list(here)
    if lack == "room":
        fields[4] = ROOM_FOR_STARTS * executable.stat().st_size // here.f_frsize
        os.truncate(executable, 10 * here.f_frsize)
    elif lack == "leave to run programs":
        fields[8] = here.f_flag | os.ST_NOEXEC
    elif lack == "leave to write":
        monkeypatch.setattr(os, "access", lambda *_: False)
    elif lack == "the folder":
        memory.rmdir()
    else:
        executable.unlink()
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
    with temporary_root(executable, tmp_path, memory) as root:
        assert root == tmp_path
    assert not memory.is_dir() or list(memory.iterdir()) == []
