"""The folders of the programs that a verification starts: temporary ones in memory, and a user's own.

A one-file executable unpacks its libraries every time it starts, and a verification starts more than a hundred. On a
disk, that takes half of the time.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# Linux's world-writable file system in memory; see shm_overview(7).
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - files there get an unpredictable name

# The folder must have room for this many unpacked executables per processor.
STARTS_PER_PROCESSOR: Final = 8


@contextmanager
def temporary_root(executable: Path, fallback: Path, memory: Path = SHARED_MEMORY) -> Iterator[Path]:
    """Yield a new folder in memory for the temporary files of `executable`, or `fallback` if there's no room.

    The folder's name comes from `fallback`, which no two verifications share, so the next one can delete what a killed
    verification left in memory.
    """
    prefix = f"verification-{hashlib.sha256(os.fsencode(fallback.absolute())).hexdigest()[:16]}-"
    for left_behind in memory.glob(f"{prefix}*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    folder = _new_folder(memory, prefix) if _has_room(memory, executable) else None
    try:
        yield folder or fallback
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def folder_outside() -> Iterator[Path]:
    """Yield a new folder outside the project for homes and working directories.

    A program that searches the folders above finds nothing there that its users don't have.
    """
    with tempfile.TemporaryDirectory(prefix="verification-", ignore_cleanup_errors=True) as folder:
        # macOS's temporary folder is a link, and programs print what it leads to.
        yield Path(folder).resolve()


def _new_folder(memory: Path, prefix: str) -> Path | None:
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=memory))
    except OSError:
        return None


def _has_room(memory: Path, executable: Path) -> bool:
    """Whether programs can unpack themselves there and run; containers often forbid or limit that."""
    if sys.platform != "linux" or not executable.is_file() or not os.access(memory, os.W_OK | os.X_OK):
        return False
    system = os.statvfs(memory)
    is_executable = not system.f_flag & os.ST_NOEXEC
    needed = STARTS_PER_PROCESSOR * (os.cpu_count() or 1) * executable.stat().st_size
    return is_executable and system.f_bavail * system.f_frsize >= needed
