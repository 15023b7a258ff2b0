"""Ends the program when its time is up, even where the event loop can't.

A run that's reading a named pipe, or writing to a pipe that nobody reads, doesn't get to its own timer.
"""

import os
import threading

from agent_runner.errors import EXIT_LIMIT, TimeLimitReachedError
from agent_runner.output import Reporter, pluralize
from agent_runner.processes import ChildTrackingLoop

# For the event loop to end the run in order.
_GRACE_SECONDS = 2.0


def exit_at_timeout(seconds: float, name: str, reporter: Reporter, loop: ChildTrackingLoop) -> threading.Event:
    """Exit with status 3 shortly after this time, unless the returned event is set."""
    stopped = threading.Event()

    def watch() -> None:
        if stopped.wait(seconds + _GRACE_SECONDS):
            return
        # The program may be reporting how it ended, just now.
        if not reporter.claim_end() and stopped.wait(_GRACE_SECONDS):
            return
        message = f"stopped after {pluralize(seconds, 'second')} ({name})"
        try:
            reporter.interrupted(TimeLimitReachedError(message, f"raise {name}"), status="failed")
            loop.terminate_children()
        finally:
            os._exit(EXIT_LIMIT)

    threading.Thread(target=watch, daemon=True, name="watchdog").start()
    return stopped
