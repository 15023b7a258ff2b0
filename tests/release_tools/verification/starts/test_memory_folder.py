import os
import sys
import tempfile
from pathlib import Path

import pytest

from release_tools.verification.starts.memory_folder import STARTS_PER_PROCESSOR, temporary_root

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a standard folder in memory")


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


def test_each_verification_gets_and_deletes_its_folder(executable: Path, memory: Path, tmp_path: Path) -> None:
    others = (tmp_path / "first", tmp_path / "second")
    with temporary_root(executable, others[0], memory) as one, temporary_root(executable, others[1], memory) as other:
        assert (one.parent, other.parent) == (memory, memory)
        assert one != other
        (one / "left").mkdir()
    assert list(memory.iterdir()) == []


def test_leftovers_of_a_killed_verification_are_deleted(executable: Path, memory: Path, tmp_path: Path) -> None:
    with temporary_root(executable, tmp_path, memory) as root:
        name = root.name
    (memory / name).mkdir()
    (memory / "unrelated").mkdir()
    with temporary_root(executable, tmp_path, memory) as root:
        assert sorted(memory.iterdir()) == sorted([root, memory / "unrelated"])


@pytest.mark.parametrize("missing_bytes", [0, 1])
def test_memory_must_have_room_for_concurrent_starts(
    executable: Path, memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing_bytes: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    fields = list(os.statvfs(memory))
    fields[1], fields[4] = 1, STARTS_PER_PROCESSOR * 2 * executable.stat().st_size - missing_bytes
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
    with temporary_root(executable, tmp_path, memory) as root:
        assert (root == tmp_path) == bool(missing_bytes)


@pytest.mark.parametrize(
    "lack",
    ["permission to execute", "permission to create folders", "write permission", "the folder", "the executable"],
)
def test_fallback_is_used_without_usable_memory(
    executable: Path, memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    here = os.statvfs(memory)
    fields = list(here)
    if lack == "permission to execute":
        fields[8] = here.f_flag | os.ST_NOEXEC
    elif lack == "permission to create folders":

        def refuse(**_: object) -> str:
            raise PermissionError

        monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    elif lack == "write permission":
        monkeypatch.setattr(os, "access", lambda *_: False)
    elif lack == "the folder":
        memory.rmdir()
    else:
        executable.unlink()
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))
    with temporary_root(executable, tmp_path, memory) as root:
        assert root == tmp_path
    assert not memory.is_dir() or list(memory.iterdir()) == []
