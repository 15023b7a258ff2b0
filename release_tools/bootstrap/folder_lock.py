"""One build or verification at a time in one folder: two would take files away from each other.

The system itself gives the lock back when its holders end, however they end.
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
    """Nobody else has the sole use of `folder` while the block runs; it is made where it does not exist.

    Programs that `run` starts meanwhile hold it too, and keep it where this process is killed and they go on. On
    Windows they do not go on.

    Raises `BusyError` at once when somebody has it.
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
