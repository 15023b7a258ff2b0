"""Exit with a code, or print "ready" and wait for a signal."""

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
    # Unlike print, os.write is safe in a signal handler.
    os.write(1, f"interrupt {len(interrupts)}\n".encode())
    if len(interrupts) > 1:
        # Without the traceback that sys.exit might cause here.
        os._exit(42)


# On Windows, one program can send only Ctrl-Break to another.
INTERRUPT = getattr(signal, "SIGBREAK", signal.SIGINT)
signal.signal(INTERRUPT, count if ENDING == "second interrupt" else signal.SIG_DFL)
print("ready", flush=True)
while True:
    # In short intervals: a signal that arrives just before the wait is handled only after it, and on Windows every one.
    time.sleep(0.1)
