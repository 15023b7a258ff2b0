"""A lock that allows one build or verification at a time in a folder.

The operating system releases it when the last process that holds it exits, in whatever way.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from release_tools.errors import BusyError


@contextmanager
def exclusive_use(folder: Path) -> Iterator[None]:
    """Lock `folder` while the block runs; creates the folder if needed.

    Programs that `run` starts hold the lock too, so it outlives this process if it's killed and they continue. On
    Windows they're killed with it.

    Raises `BusyError` immediately if the folder is locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "in-use.lock").open("ab") as file:
        if not _lock(file):
            raise BusyError(folder)
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
