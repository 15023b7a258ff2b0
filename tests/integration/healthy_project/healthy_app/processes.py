"""The features that concern processes: signals, children, and the folder that the program is unpacked into."""

import importlib
import importlib.resources
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from healthy_app.workers import square

NOBODY: Final = 65534


def interrupts() -> str:
    """Count signals until SIGUSR1 comes, once "ready" is printed."""
    counted: list[str] = []

    def count(number: int, _frame: Any) -> None:
        counted.append(signal.Signals(number).name)
        os.write(1, b"counted\n")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, count)
    done = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: done.set())
    print("ready", flush=True)
    done.wait()
    return " ".join(counted)


def interrupted_loop() -> str:
    """Count the interrupts that an event loop gets."""
    import asyncio

    async def count() -> str:
        counted: list[int] = []
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: (counted.append(1), os.write(1, b"counted\n")))
        loop.add_signal_handler(signal.SIGUSR1, done.set)
        print("ready", flush=True)
        await done.wait()
        return f"{len(counted)} in a loop"

    return asyncio.run(count())


def waiting() -> str:
    """Wait for an interrupt, and clean up."""
    try:
        print("ready", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        return "cleaned up"
    return "not interrupted"


def unprepared() -> str:
    """Wait for an interrupt, and don't expect it."""
    print("ready", flush=True)
    signal.pause()
    return "not interrupted"


def identity() -> str:
    """The process that started this one, and whether the path of the program is known."""
    return f"{os.getppid()} {Path(sys.argv[0]).is_absolute()}"


def cleared() -> str:
    """Start workers without an environment."""
    import multiprocessing

    os.environ.clear()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return str(pool.map(square, range(3)))


def c_code() -> str:
    """Have C code start a child, and look for variables of the bundle in its environment."""
    import ctypes

    status = ctypes.CDLL(None).system(b"env | grep -e ^_PYI_ -e ^LD_LIBRARY_PATH")
    return f"nothing found: {os.waitstatus_to_exitcode(status) == 1}"


def daemon() -> str:
    """Leave a process behind that uses the program's files later, when a line comes in."""
    if os.fork():
        return "started"
    os.setsid()
    if os.fork():
        os._exit(0)
    sys.stdin.readline()
    return "later: " + use_files()


def background() -> str:
    """Start a child of this program, and end before it does: it uses the program's files when a line comes in."""
    code = "import sys; from healthy_app import processes as p; sys.stdin.readline(); print('later:', p.use_files())"
    subprocess.Popen([sys.executable, "-c", code])
    return "started"


def without_rights() -> str:
    """Become an unprivileged user, then use the program's files."""
    os.setuid(NOBODY)
    return use_files()


def use_files() -> str:
    """Import a module and read a data file, both for the first time, from the bundle's folder if there's one."""
    importlib.import_module("yaml._yaml")
    return importlib.resources.files("healthy_app.texts").joinpath("greeting.yaml").read_text(encoding="utf-8").strip()


COMMANDS: Final[dict[str, Callable[[], str]]] = {
    "interrupts": interrupts,
    "interrupted-loop": interrupted_loop,
    "waiting": waiting,
    "unprepared": unprepared,
    "identity": identity,
    "cleared-environment": cleared,
    "c-code": c_code,
    "daemon": daemon,
    "background": background,
    "without-rights": without_rights,
}
