"""Shows where a build is: a live line on a terminal, plain lines with a sign of life elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

from release_tools.bootstrap.stages import done_line, stage_line

SIGN_OF_LIFE_SECONDS: Final = 30.0


class Progress:
    """Announces stages and the steps inside them, and keeps the seconds that each stage took."""

    def __init__(self, console: Console, finished: dict[str, float]) -> None:
        self._console = console
        self._started = time.monotonic()
        self._last_shown = self._started
        self._stage = ""
        self._status = console.status("")
        self.seconds = dict(finished)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage; nothing is recorded for a stage that fails."""
        self._stage, self._started = name, time.monotonic()
        self._last_shown = self._started
        if self._console.is_terminal:
            self._status = self._console.status(self._live_line(""))
            self._status.start()
        else:
            self._plain(stage_line(name, ""))
        try:
            yield
        finally:
            self._status.stop()
        self.seconds[name] = round(time.monotonic() - self._started, 1)
        self._plain(done_line(name, self.seconds[name]))

    def step(self, description: str) -> None:
        """Say what is going on now; off a terminal this shows only once in a while."""
        if self._console.is_terminal:
            self._status.update(self._live_line(description))
        elif time.monotonic() - self._last_shown > SIGN_OF_LIFE_SECONDS:
            self._last_shown = time.monotonic()
            elapsed = self._last_shown - self._started
            self._plain(stage_line(self._stage, f"{elapsed:.0f} s: {description}"))

    def _live_line(self, description: str) -> str:
        return stage_line(
            self._stage, f"{time.monotonic() - self._started:.0f} s  {description}"[: self._console.width - 8]
        )

    def _plain(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
