"""Keeps its state beside the code in a way that can't be seen in the code, and is killed."""

import inspect
import os
import signal
from pathlib import Path


def work(*words: str) -> int:
    """Count the runs."""
    state = Path(inspect.getfile(work)).with_name("state.json")
    count = int(state.read_text(encoding="utf-8")) if state.exists() else 0
    state.write_text(str(count + 1), encoding="utf-8")
    if words == ("killed",):
        os.kill(os.getpid(), signal.SIGKILL)
    print("done")
    return 0
