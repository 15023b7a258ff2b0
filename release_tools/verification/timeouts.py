"""How long to wait before something counts as stuck: longer on a machine that is slow, such as an emulated one."""

import functools
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from release_tools.processes.run import observe

# What the start below takes at most on a machine of its own, in seconds: half of it when nothing else runs. It may well
# be measured in a quiet moment, and what is waited for come in a busy one; to be too patient costs only time.
REFERENCE_START_SECONDS: Final = 0.25
_START: Final = ("-I", "-c", "import asyncio, json")
# So that what is stuck is still found on the same day.
_MOST: Final = 30.0
_START_TIMEOUT_SECONDS: Final = 600.0


def scaled_timeout(seconds: float) -> float:
    """A limit that suits an ordinary machine, in seconds, as it suits this one; never less."""
    return round(seconds * slowness(), 1)


@functools.cache
def slowness() -> float:
    """How many times slower than an ordinary machine this one starts Python, from 1 up; measured once."""
    finished = observe(
        [sys.executable, *_START],
        cwd=Path(tempfile.gettempdir()),
        environment=os.environ,
        timeout_seconds=_START_TIMEOUT_SECONDS,
    )
    return slowness_from(finished.seconds)


def slowness_from(start_seconds: float) -> float:
    """The factor that a start of this length stands for."""
    return min(max(start_seconds / REFERENCE_START_SECONDS, 1.0), _MOST)
