"""Where the starts of a verification unpack themselves: into memory, where a system has room for that.

A one-file program writes its libraries into the temporary folder at every start, and a verification makes more than a
hundred starts. On the file system of a disk that is half of what a start takes.
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

# A file system in memory that any user of Linux may write to; see shm_overview(7).
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what goes there gets a name that nobody can foresee

# For how many starts at the same time there has to be room on each processor, with all that the executable holds.
STARTS_PER_PROCESSOR: Final = 8


@contextmanager
def temporary_root(executable: Path, otherwise: Path, memory: Path = SHARED_MEMORY) -> Iterator[Path]:
    """A folder for the temporary folders of `executable`: a new one in memory, removed at the end, or `otherwise`.

    Only one at a time uses `otherwise`, so that what a killed one left in memory can be told from what is in use.
    """
    prefix = f"verification-{hashlib.sha256(os.fsencode(otherwise.absolute())).hexdigest()[:16]}-"
    for left_behind in memory.glob(f"{prefix}*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    folder = _new_folder(memory, prefix) if _has_room(memory, executable) else None
    try:
        yield folder or otherwise
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder(memory: Path, prefix: str) -> Path | None:
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=memory))
    except OSError:
        return None


def _has_room(memory: Path, executable: Path) -> bool:
    """Whether programs can unpack themselves there and run from it; containers often forbid or limit that."""
    if sys.platform != "linux" or not executable.is_file() or not os.access(memory, os.W_OK | os.X_OK):
        return False
    system = os.statvfs(memory)
    is_executable = not system.f_flag & os.ST_NOEXEC
    needed = STARTS_PER_PROCESSOR * (os.cpu_count() or 1) * executable.stat().st_size
    return is_executable and system.f_bavail * system.f_frsize >= needed
