"""Starts the program by itself without end. What ends that is tested with hundreds of starts, so they import little."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

COMMAND: Final = "start-itself"


def start_itself() -> str:
    """Start this program again with its own command line, in the way that HEALTHY_WAY names, without end."""
    with Path(os.environ["HEALTHY_STARTS"]).open("a", encoding="ascii") as starts:
        starts.write(f"{os.getpid()}\n")
    WAYS[os.environ["HEALTHY_WAY"]]([sys.executable, *sys.argv])
    return "ended"


def start_by_c(command: list[str]) -> None:
    """Have C code start it."""
    import ctypes

    ctypes.CDLL(None).system(os.fsencode(shlex.join(command)))


def start_two(command: list[str]) -> None:
    """Start two at once."""
    for child in [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]:
        child.communicate()


def start_worker(_command: list[str]) -> None:
    """Start a worker, which does the same."""
    import multiprocessing

    worker = multiprocessing.get_context("spawn").Process(target=start_itself)
    worker.start()
    worker.join()


def start_code(_command: list[str]) -> None:
    """Start Python code, which does the same."""
    subprocess.run([sys.executable, "-c", "from healthy_app import restarts; restarts.start_itself()"], check=False)


WAYS: Final[dict[str, Callable[[list[str]], object]]] = {
    "run": lambda command: subprocess.run([command[1], *command[2:]], check=False),
    "pipe": lambda command: subprocess.run(command, capture_output=True, check=False),
    "detached": lambda command: subprocess.Popen(command, start_new_session=True),
    "shell": lambda command: os.system(shlex.join(command)),  # noqa: S605
    "C": start_by_c,
    "exec": lambda command: os.execv(command[0], command),  # noqa: S606
    "spawn": lambda command: os.spawnv(os.P_WAIT, command[0], command),  # noqa: S606
    "posix_spawn": lambda command: os.waitpid(os.posix_spawn(command[0], command, os.environ), 0),
    "two": start_two,
    "worker": start_worker,
    "code": start_code,
}
