"""A command that cleans up after an interrupt, which takes a moment."""

import os
import signal
import threading
from typing import Any


def work(*_words: str) -> int:
    """Wait for interrupts, then for SIGUSR1, and print how many there were."""
    counted: list[int] = []
    done = threading.Event()

    def count(_number: int, _frame: Any) -> None:
        counted.append(1)
        os.write(1, b"counted\n")

    signal.signal(signal.SIGINT, count)
    signal.signal(signal.SIGUSR1, lambda *_: done.set())
    print("ready", flush=True)
    done.wait()
    print(len(counted))
    return 0
