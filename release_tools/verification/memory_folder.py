"""Where the starts of a verification unpack themselves: into memory, where a system has room for that.

A one-file program writes its libraries into the temporary folder at every start, and a verification makes more than a
hundred starts. On the file system of a disk that is half of what a start takes.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# A file system in memory that any user of Linux may write to; see shm_overview(7).
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what goes there gets a name that nobody can foresee

# How many starts find room at the same time, each with all that the executable holds.
ROOM_FOR_STARTS: Final = 16


@contextmanager
def temporary_root(executable: Path, otherwise: Path, memory: Path = SHARED_MEMORY) -> Iterator[Path]:
    """A folder for the temporary folders of `executable`: a new one in memory, removed at the end, or `otherwise`."""
    if not _has_room(memory, executable):
        yield otherwise
        return
    folder = Path(tempfile.mkdtemp(prefix="verification-", dir=memory))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_room(memory: Path, executable: Path) -> bool:
    """Whether programs can unpack themselves there and run from it; containers often forbid or limit that."""
    if (
        sys.platform != "linux"
        or not executable.is_file()
        or not memory.is_dir()
        or not os.access(memory, os.W_OK | os.X_OK)
    ):
        return False
    system = os.statvfs(memory)
    is_executable = not system.f_flag & os.ST_NOEXEC
    return is_executable and system.f_bavail * system.f_frsize >= ROOM_FOR_STARTS * executable.stat().st_size
