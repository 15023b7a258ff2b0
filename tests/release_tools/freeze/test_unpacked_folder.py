import fcntl
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.freeze.runtime import unpacked_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the locks are POSIX's")


# No system has as many processes.
ENDED = itertools.count(0x7FFF0000)


def unpack(folder: Path, process: int, app: str = "tiny") -> Path:
    """A folder as the bootloader of `process` unpacks it."""
    unpacked = folder / f"_MEI{process:08x}abcdef"
    (unpacked / "package").mkdir(parents=True)
    (unpacked / unpacked_folder.MARKER).write_text(app, encoding="utf-8")
    return unpacked


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this process, which has the bootloader as its parent."""
    folder = unpack(tmp_path, os.getppid())
    monkeypatch.setattr(unpacked_folder, "BUNDLE", str(folder))
    return folder


def test_dead_folders_of_the_app_are_removed(own: Path) -> None:
    dead = [unpack(own.parent, next(ENDED)) for _ in range(2)]
    kept = dead[0].rename(f"{dead[0]}.kept")
    unpacked_folder.sweep()
    assert [path.exists() for path in (own, kept, dead[1])] == [True, False, False]


def other_app(folder: Path) -> Path:
    return unpack(folder, next(ENDED), app="other")


def without_marker(folder: Path) -> Path:
    unpacked = unpack(folder, next(ENDED))
    (unpacked / unpacked_folder.MARKER).unlink()
    return unpacked


def of_running_process(folder: Path) -> Path:
    return unpack(folder, os.getpid())


def link(folder: Path) -> Path:
    path = folder / f"_MEI{next(ENDED):08x}abcdef"
    path.symlink_to(unpack(folder / "elsewhere", next(ENDED)))
    return path


def other_name(folder: Path) -> Path:
    return unpack(folder, next(ENDED)).rename(folder / "_MEIpass")


@pytest.mark.parametrize("make", [other_app, without_marker, of_running_process, link, other_name])
def test_every_other_folder_stays(own: Path, make: Callable[[Path], Path]) -> None:
    folder = make(own.parent)
    unpacked_folder.sweep()
    assert (folder / "package").exists()


def test_locked_folder_stays(own: Path) -> None:
    folder = unpack(own.parent, next(ENDED))
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    unpacked_folder.sweep()
    assert folder.exists()
    os.close(descriptor)
    unpacked_folder.sweep()
    assert not folder.exists()


def test_folder_of_another_user_stays(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpack(own.parent, next(ENDED))
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    unpacked_folder.sweep()
    assert folder.exists()


def test_start_spends_limited_time_on_others(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpack(own.parent, next(ENDED))
    monkeypatch.setattr(unpacked_folder, "SWEEP_SECONDS", -1)
    unpacked_folder.sweep()
    assert folder.exists()


def test_everybody_may_read_before_the_user_changes(own: Path) -> None:
    program = own / "program"
    program.touch(0o700)
    (own / "data").touch(0o600)
    seen: list[int] = []
    unpacked_folder.after_opening(seen.append)(1000)
    modes = [path.stat().st_mode & 0o777 for path in (own / "package", program, own / "data")]
    assert (seen, modes) == ([1000], [0o755, 0o755, 0o644])
