"""Ending at once on Ctrl-C or a request to terminate, and taking the children along."""

import os
import signal
import sys
from types import FrameType
from typing import Final

from agent_runner.errors import EXIT_TERMINATED, InterruptedRunError
from agent_runner.output import Reporter
from agent_runner.processes import ChildTrackingLoop

# Windows has no SIGTERM to send: there Ctrl-Break is what asks a program to end.
_SIGNAL_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


def exit_on_signals(reporter: Reporter, loop: ChildTrackingLoop) -> None:
    """Exit with 128 plus the signal's number on the first signal: 130 for SIGINT, 143 for SIGTERM.

    It does not unwind: a run that stops here stays as it is in a store and can go on from there.
    """
    numbers = [getattr(signal, name) for name in _SIGNAL_NAMES if hasattr(signal, name)]

    def end(number: int, _: FrameType | None) -> None:
        # A terminal signals the whole group, and the bootloader of a frozen program passes the signal on as well.
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        name = signal.Signals(number).name
        reporter.interrupted(InterruptedRunError(f"interrupted by {name}"))
        loop.terminate_children()
        os._exit(_exit_code(name, number))

    if sys.platform != "win32":
        # A signal that comes a moment before the loop begins to wait would be obeyed when that wait ends by itself.
        # With its first own handler, of whatever signal, asyncio has all signals wake it; on Windows it always has.
        loop.add_signal_handler(signal.SIGURG, lambda: None)
    for number in numbers:
        # A signal that is ignored from the start is meant to be: `nohup`, or a background job of a script.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def _exit_code(name: str, number: int) -> int:
    return EXIT_TERMINATED if name == "SIGBREAK" else 128 + number
