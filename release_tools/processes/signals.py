"""Signal handlers for requests to terminate."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

# Besides SIGINT; Windows has no SIGHUP.
TERMINATION_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
# What a script's background job is started ignoring, see "Signals" in bash's manual; Windows has no SIGQUIT.
_KEYBOARD_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGQUIT") if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], Any] | int | None


def handle_signals(numbers: Sequence[int], handler: Handler) -> dict[int, Handler]:
    """Install `handler` for each of the signals; returns the previous handlers.

    Ignored signals stay ignored: that's how `nohup` lets a program outlive its terminal.
    """
    # None is a handler that Python didn't install and can't restore.
    handled = [number for number in numbers if signal.getsignal(number) not in {signal.SIG_IGN, None}]
    return {number: signal.signal(number, handler) for number in handled}


@contextmanager
def handled_signals(numbers: Sequence[int], handler: Handler) -> Iterator[None]:
    """Install `handler` for each of the signals while the block runs."""
    before = handle_signals(numbers, handler)
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


def ignore_keyboard_alone() -> None:
    """Go on ignoring Ctrl-C if this process was started so, but have the programs that it starts receive it.

    They would inherit that it's ignored, and what a build verifies about Ctrl-C would never happen.
    """
    for number in _KEYBOARD_SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            # A handler isn't inherited.
            signal.signal(number, _ignore)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""
