"""Exiting as soon as a signal such as SIGINT or SIGTERM arrives, without leaving children behind."""

import os
import signal
import sys
from types import FrameType
from typing import Final

from agent_runner.errors import EXIT_TERMINATED, InterruptedRunError
from agent_runner.output import Reporter
from agent_runner.processes import ChildTrackingLoop

# SIGBREAK is Ctrl-Break, which stands in for SIGTERM on Windows.
_SIGNAL_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


def exit_on_signals(reporter: Reporter, loop: ChildTrackingLoop) -> None:
    """Exit on the first signal with 128 plus its number: 130 for SIGINT, 143 for SIGTERM.

    Nothing is unwound, so what a run has stored stays as it is and can be resumed.
    """
    numbers = [getattr(signal, name) for name in _SIGNAL_NAMES if hasattr(signal, name)]

    def end(number: int, _: FrameType | None) -> None:
        # The signal may arrive twice: from the terminal, and forwarded by PyInstaller's bootloader.
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        name = signal.Signals(number).name
        reporter.interrupted(InterruptedRunError(f"interrupted by {name}"))
        loop.terminate_children()
        os._exit(EXIT_TERMINATED if name == "SIGBREAK" else 128 + number)

    if sys.platform != "win32":
        # A signal that arrives just before the loop starts to wait isn't handled until that wait ends. Once asyncio
        # has a handler of its own, for any signal, every signal wakes the loop. On Windows that's always so.
        loop.add_signal_handler(signal.SIGURG, lambda: None)
    for number in numbers:
        # `nohup` and background jobs of scripts start the program with signals ignored on purpose.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
