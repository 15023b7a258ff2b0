"""Ends as it is told: with an exit code, or by a signal that it waits for after it has said that it is ready."""

import os
import signal
import sys
import threading
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


signal.signal(signal.SIGINT, count if ENDING == "second interrupt" else signal.SIG_DFL)
print("ready", flush=True)
threading.Event().wait()
