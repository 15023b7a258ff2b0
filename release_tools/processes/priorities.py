"""Letting a program in the background give way to other work."""

import os
import sys
import time
from pathlib import Path
from typing import Final

# What to start it with on Windows: BELOW_NORMAL_PRIORITY_CLASS of winbase.h.
BACKGROUND_FLAGS: Final = 0x4000 if sys.platform == "win32" else 0

# Of 20 steps down from the ordinary. These make a third of its weight: enough for the other work to be hardly slower,
# and not so little that the program hardly moves where the machine is busy with more than this build.
_NICENESS: Final = 5

# The kernel takes one such wish of ordinary users in a tenth of a second.
_TRIES: Final = 10
_SECONDS_BETWEEN_TRIES: Final = 0.11


def lower_priority(pid: int) -> None:
    """Let a program that leads a session, and all that it will start, run when others leave a processor idle."""
    if sys.platform == "win32":
        return
    niceness = min(os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS, 19)
    os.setpriority(os.PRIO_PROCESS, pid, niceness)
    # Most kernels of Linux share the processors out among sessions first, and by niceness only within one: sched(7).
    # Other systems have no such file, and no sessions that count.
    for _ in range(_TRIES):
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")
        except BlockingIOError:
            time.sleep(_SECONDS_BETWEEN_TRIES)
        except OSError:
            return
        else:
            return
