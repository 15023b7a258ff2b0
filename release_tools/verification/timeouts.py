"""Timeouts that scale with the speed of the machine, such as one that's emulated."""

import functools
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from release_tools.processes.run import observe

# An ordinary machine takes half of this. The machine may be measured while it's idle and be busy later, and a timeout
# that's too long only costs time.
REFERENCE_START_SECONDS: Final = 0.25
_START: Final = ("-I", "-c", "import asyncio, json")
_MAXIMUM: Final = 30.0
_START_TIMEOUT_SECONDS: Final = 600.0


def scaled_timeout(seconds: float) -> float:
    """Scale a timeout to this machine's speed; it never gets shorter."""
    return round(seconds * slowness(), 1)


@functools.cache
def slowness() -> float:
    """How many times longer this machine takes to start Python than an ordinary one, at least 1; measured once."""
    finished = observe(
        [sys.executable, *_START],
        cwd=Path(tempfile.gettempdir()),
        environment=os.environ,
        timeout_seconds=_START_TIMEOUT_SECONDS,
    )
    return min(max(finished.seconds / REFERENCE_START_SECONDS, 1.0), _MAXIMUM)
