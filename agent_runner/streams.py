"""The standard streams, before and after anything is written to them."""

import os
import sys
from typing import IO

from agent_runner.errors import OutputError


def configure_streams() -> None:
    """Switch both streams to UTF-8, and discard standard error if it's closed.

    Raises:
        OutputError: if standard output is closed.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - never closed, and pathlib takes long
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.stdout is None:
        raise OutputError("standard output is closed", "redirect it to a file or to /dev/null")


def flush_stdout() -> None:
    """Flush standard output, ignoring errors."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        discard(sys.stdout)


def discard(stream: IO[str]) -> None:
    """Send what a stream still holds to nowhere: at exit, Python would report that it can't be written."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, stream.fileno())
    except (OSError, ValueError):
        return
    finally:
        os.close(null)
