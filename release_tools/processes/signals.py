"""What this process does when it is asked to end. Standard library only: Nox and Invoke use it too."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

# Besides the terminal's interrupt; Windows has no SIGHUP.
REQUESTS_TO_END: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], Any] | int | None


def handle_signals(numbers: Sequence[int], handler: Handler) -> dict[int, Handler]:
    """From now on `handler` is called for each of the signals; returns what was done about them before.

    A signal that is ignored stays so: `nohup` starts programs like that, to outlive their terminal.
    """
    # None is a handler that Python does not know, and so could not put back.
    handled = [number for number in numbers if signal.getsignal(number) not in {signal.SIG_IGN, None}]
    return {number: signal.signal(number, handler) for number in handled}


@contextmanager
def handled_signals(numbers: Sequence[int], handler: Handler) -> Iterator[None]:
    """`handler` is called for each of the signals while the block runs."""
    before = handle_signals(numbers, handler)
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
