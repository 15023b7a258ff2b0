"""A build's progress: a live status line on a terminal, and plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

from release_tools.bootstrap.stages import done_line, stage_line
from release_tools.reporting.output import print_plain

HEARTBEAT_SECONDS: Final = 30.0


class Progress:
    """Shows the stages and their steps, and records how long each stage takes."""

    def __init__(self, console: Console, finished: dict[str, float]) -> None:
        self._console = console
        self._started = time.monotonic()
        self._last_shown = self._started
        self._stage = ""
        self._status = console.status("")
        self.seconds = dict(finished)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show and time a stage; one that fails isn't recorded."""
        self._stage, self._started = name, time.monotonic()
        self._last_shown = self._started
        if self._console.is_terminal:
            self._status = self._console.status(self._live_line(""))
            self._status.start()
        else:
            print_plain(self._console, stage_line(name, ""))
        try:
            yield
        finally:
            self._status.stop()
        self.seconds[name] = round(time.monotonic() - self._started, 1)
        print_plain(self._console, done_line(name, self.seconds[name]))

    def step(self, description: str) -> None:
        """Show the current step; without a terminal, only once every `HEARTBEAT_SECONDS`."""
        if self._console.is_terminal:
            self._status.update(self._live_line(description))
        elif time.monotonic() - self._last_shown > HEARTBEAT_SECONDS:
            self._last_shown = time.monotonic()
            elapsed = self._last_shown - self._started
            print_plain(self._console, stage_line(self._stage, f"{elapsed:.0f} s: {description}"))

    def _live_line(self, description: str) -> str:
        return stage_line(
            self._stage, f"{time.monotonic() - self._started:.0f} s  {description}"[: self._console.width - 8]
        )
