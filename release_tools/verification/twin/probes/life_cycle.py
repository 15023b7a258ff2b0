"""Ends as it is told: with an exit code, or by a signal that it waits for after it has said that it is ready."""

import os
import signal
import sys
import time
from typing import Any

ENDING = os.environ["RELEASE_TOOLS_ENDING"]

if ENDING.isdigit():
    sys.exit(int(ENDING))

interrupts: list[int] = []


def count(_number: int, _frame: Any) -> None:
    interrupts.append(1)
    # Unlike print, this may be interrupted by itself.
    os.write(1, f"interrupt {len(interrupts)}\n".encode())
    if len(interrupts) > 1:
        # Inside a handler, without a traceback of whatever was interrupted.
        os._exit(42)


# On Windows, Ctrl-Break is all that one program can send to another.
INTERRUPT = getattr(signal, "SIGBREAK", signal.SIGINT)
signal.signal(INTERRUPT, count if ENDING == "second interrupt" else signal.SIG_DFL)
print("ready", flush=True)
while True:
    # Not a wait for ever: a signal that comes just before such a wait begins is handled only when the wait is over, and
    # on Windows no handler runs before that.
    time.sleep(0.1)
