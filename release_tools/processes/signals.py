"""Signal handlers for requests to terminate."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

# Besides SIGINT; Windows has no SIGHUP.
TERMINATION_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

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
