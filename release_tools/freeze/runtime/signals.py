"""Makes a signal that was sent once count once.

A terminal sends Ctrl-C to a whole process group, and supervisors send SIGTERM to one: to the program, and to the
bootloader, which forwards it to the program. The second one would cut a clean-up short, or end a server without its
shutdown. Python can't tell who sent a signal, but the bootloader forwards it at once. On Linux, one can also see
whether it still has to.

Until the app runs, an interrupt ends the program without a traceback of its start-up code.
"""

import atexit
import contextlib
import functools
import os
import signal
import sys
import time
from typing import Any

from . import bootloader, imports

# The same signal within this time is the same event; nobody presses Ctrl-C twice as fast.
MERGED_SECONDS = 0.15
# How long to wait for a busy bootloader.
LONGEST_WAIT = 2.0
# What terminals and supervisors send to a group.
NAMES = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP")
GROUP_SIGNALS = frozenset(getattr(signal, name) for name in NAMES if hasattr(signal, name))

# What Windows calls STATUS_CONTROL_C_EXIT.
INTERRUPTED_ON_WINDOWS = -1073741510

# The event loops that give signals to callbacks, by module.
LOOPS = {"asyncio.unix_events": "_UnixSelectorEventLoop", "uvloop": "Loop"}

original_signal: Any = signal.signal
original_getsignal: Any = signal.getsignal
original_raise_signal: Any = signal.raise_signal
original_kill: Any = os.kill

is_app_started = True
is_interrupted = False
# The exit status of this process, once it's known.
exit_status: int | None = None


class Arrival:
    """A signal that has come: when, and as a copy of which one, if it's a copy."""

    def __init__(self) -> None:
        self.time = time.monotonic()
        self.original = self
        self.has_copy = False
        # Whether the bootloader still has to forward it.
        self.is_copy_coming = False


# All signals that have come to registered handlers, and to the callbacks of event loops, which get copies too.
by_handlers: dict[int, list[Arrival]] = {}
by_loops: dict[int, list[Arrival]] = {}


class Merged:
    """A registered handler, called once for each event."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: Any) -> Any:
        return None if is_repeated(number, by_handlers) else self.handler(number, frame)


def install() -> None:
    """Wrap what registers handlers. The bootloader of Windows forwards nothing."""
    global is_app_started  # noqa: PLW0603 - a fact about this process
    if sys.platform == "win32":
        return
    # The first to be registered is the last to be called.
    atexit.register(end)
    # The first script has set it, so that an interrupt ends the start without a traceback.
    is_silent = original_getsignal(signal.SIGINT) is signal.SIG_DFL
    if not bootloader.process_id:
        if is_silent:
            original_signal(signal.SIGINT, signal.default_int_handler)
        return
    is_app_started = not is_silent
    # By setattr, since the type checker refuses an assignment.
    setattr(signal, "signal", register)  # noqa: B010
    setattr(signal, "getsignal", registered)  # noqa: B010
    setattr(signal, "raise_signal", raise_signal)  # noqa: B010
    setattr(os, "kill", kill)  # noqa: B010
    for module, loop in LOOPS.items():
        imports.when_imported(module, functools.partial(merge_in_loop, loop=loop))


def run(function: Any) -> None:
    """Run the app as `sys.exit(function())`.

    An interrupt raises KeyboardInterrupt from now on. If the app doesn't catch it, the program ends as Python does:
    with a traceback, and killed by the signal.
    """
    global is_interrupted, exit_status  # noqa: PLW0603 - facts about this process
    start_app()
    try:
        sys.exit(function())
    except SystemExit as exiting:
        exit_status = status_of(exiting.code)
        raise
    except KeyboardInterrupt:
        is_interrupted = True
        sys.excepthook(*sys.exc_info())
    sys.exit(INTERRUPTED_ON_WINDOWS if sys.platform == "win32" else 128 + signal.SIGINT)


def status_of(code: object) -> int | None:
    """The exit status for what was given to `sys.exit`; None if Python prints it first."""
    return 0 if code is None else code & 0xFF if isinstance(code, int) else None


def end() -> None:
    """End by the signal that interrupted the app, or make sure that a copy of the last signal doesn't end it now.

    The last that Python calls: it removes the handlers next.
    """
    if is_interrupted:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with contextlib.suppress(Exception):
                stream.flush()
        original_signal(signal.SIGINT, signal.SIG_DFL)
        original_kill(os.getpid(), signal.SIGINT)
    for number in GROUP_SIGNALS:
        last = last_arrival(number)
        if last is not None and is_copied(last):
            with contextlib.suppress(ValueError):
                original_signal(number, signal.SIG_IGN)


def start_app() -> None:
    """Let an interrupt raise KeyboardInterrupt from now on, unless something else has been registered."""
    global is_app_started  # noqa: PLW0603 - a fact about this process
    is_waiting = not is_app_started and original_getsignal(signal.SIGINT) is signal.SIG_DFL
    is_app_started = True
    if is_waiting:
        register(signal.SIGINT, signal.default_int_handler)


def is_repeated(number: int, arrivals: dict[int, list[Arrival]]) -> bool:
    """Whether the signal is a copy of one that has come; if not, it counts."""
    # Another signal may interrupt this function at every call: each finds its own place in the order first.
    arrived = arrivals.setdefault(number, [])
    arrival = Arrival()
    arrived.append(arrival)
    place = arrived.index(arrival)
    original = arrived[place - 1].original if place else None
    if original is not None and is_copied(original):
        arrival.original = original
        original.has_copy, original.is_copy_coming = True, False
        return True
    is_copy_coming = is_pending(number)
    arrival.is_copy_coming = is_copy_coming and not arrival.has_copy
    return False


def is_copied(original: Arrival) -> bool:
    """Whether the next of these signals is a copy."""
    return original.is_copy_coming or time.monotonic() - original.time < MERGED_SECONDS


def last_arrival(number: int) -> Arrival | None:
    """The last signal that counted for the registered handlers."""
    arrived = by_handlers.get(number)
    return arrived[-1].original if arrived else None


def is_pending(number: int) -> bool:
    """Whether the bootloader has got a signal that it hasn't forwarded yet, as on a busy machine. Only Linux tells."""
    if sys.platform != "linux" or not bootloader.process_id:
        return False
    try:
        with open(f"/proc/{bootloader.process_id}/status", "rb") as file:  # noqa: PTH123 - pathlib imports long
            pending = next(line for line in file if line.startswith(b"ShdPnd:"))
    except (OSError, StopIteration):
        return False
    return bool(int(pending.split()[1], 16) >> (number - 1) & 1)


@functools.wraps(original_signal)
def register(signalnum: int, handler: Any) -> Any:
    before = registered(signalnum)
    is_merged = callable(handler) and signalnum in GROUP_SIGNALS
    if handler == signal.SIG_DFL and isinstance(original_getsignal(signalnum), Merged):
        # A handler that makes the next signal end the program: first, wait for the bootloader's.
        last = last_arrival(signalnum)
        while last is not None and is_copied(last) and time.monotonic() < last.time + LONGEST_WAIT:
            time.sleep(MERGED_SECONDS / 10)
    original_signal(signalnum, Merged(handler) if is_merged else handler)
    return before


@functools.wraps(original_getsignal)
def registered(signalnum: int) -> Any:
    handler = original_getsignal(signalnum)
    if isinstance(handler, Merged):
        return handler.handler
    is_waiting = not is_app_started and signalnum == signal.SIGINT and handler is signal.SIG_DFL
    return signal.default_int_handler if is_waiting else handler


@functools.wraps(original_raise_signal)
def raise_signal(signalnum: int, /) -> None:
    forget(signalnum)
    original_raise_signal(signalnum)


@functools.wraps(original_kill)
def kill(pid: int, signalnum: int, /) -> None:
    if pid == os.getpid():
        forget(signalnum)
    original_kill(pid, signalnum)


def forget(number: int) -> None:
    """Let the next signal count: the program sends it to itself, as servers do after their shutdown."""
    by_handlers.pop(number, None)
    by_loops.pop(number, None)


def merge_in_loop(module: Any, loop: str) -> None:
    """Merge signals for the callbacks of an event loop, which gets them through a file descriptor."""
    changed = getattr(module, loop)
    original = changed.add_signal_handler

    @functools.wraps(original)
    def add_signal_handler(self: Any, sig: int, callback: Any, *args: Any) -> Any:
        def merged(*given: Any) -> Any:
            return None if is_repeated(sig, by_loops) else callback(*given)

        # The loop refuses everything else, and must see it for that.
        is_merged = sig in GROUP_SIGNALS and callable(callback) and not _is_coroutine(callback)
        return original(self, sig, merged if is_merged else callback, *args)

    changed.add_signal_handler = add_signal_handler


def _is_coroutine(callback: Any) -> bool:
    import inspect

    return inspect.iscoroutinefunction(callback)
