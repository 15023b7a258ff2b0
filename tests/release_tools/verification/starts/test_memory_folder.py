"""Where the starts of a verification unpack themselves."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from release_tools.verification.starts.memory_folder import STARTS_PER_PROCESSOR, temporary_root

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
    others = (tmp_path / "first", tmp_path / "second")
    with temporary_root(executable, others[0], memory) as one, temporary_root(executable, others[1], memory) as other:
        assert (one.parent, other.parent) == (memory, memory)
        assert one != other
        (one / "left").mkdir()
    assert list(memory.iterdir()) == []


def test_what_a_killed_one_left_in_memory_goes_with_the_next(executable: Path, memory: Path, tmp_path: Path) -> None:
    with temporary_root(executable, tmp_path, memory) as root:
        name = root.name
    (memory / name).mkdir()
    (memory / "of somebody else").mkdir()
    with temporary_root(executable, tmp_path, memory) as root:
        assert sorted(memory.iterdir()) == sorted([root, memory / "of somebody else"])


@pytest.mark.parametrize("missing_bytes", [0, 1])
def test_there_has_to_be_room_for_all_starts_at_once(
    executable: Path, memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing_bytes: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    fields = list(os.statvfs(memory))
    fields[1], fields[4] = 1, STARTS_PER_PROCESSOR * 2 * executable.stat().st_size - missing_bytes
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
    with temporary_root(executable, tmp_path, memory) as root:
        assert (root == tmp_path) == bool(missing_bytes)


@pytest.mark.parametrize(
    "lack", ["leave to run programs", "leave to make folders", "leave to write", "the folder", "the executable"]
)
def test_without_what_it_needs_it_is_the_other_folder(
    executable: Path, memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    here = os.statvfs(memory)
    fields = list(here)
    if lack == "leave to run programs":
        fields[8] = here.f_flag | os.ST_NOEXEC
    elif lack == "leave to make folders":

        def refuse(**_: object) -> str:
            raise PermissionError

        monkeypatch.setattr(tempfile, "mkdtemp", refuse)
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
