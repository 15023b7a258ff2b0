"""Start a program in every possible way; it records the environment that it gets."""

import os
import subprocess
from typing import Any


def answer(starts: dict[str, tuple[list[str], str]]) -> list[str]:
    """The ways that this platform has. `starts` maps each of `WAYS` to the arguments and the equal shell command."""
    return [way for way, (args, command) in starts.items() if WAYS[way](args, command) is not MISSING]


MISSING = object()


def _asyncio(start: str, *args: str) -> Any:
    try:
        import asyncio  # noqa: PLC0415
    except ImportError:
        return MISSING

    async def run() -> None:
        process = await getattr(asyncio, start)(*args)
        await process.wait()

    return asyncio.run(run())


def _posix_spawn(name: str, args: list[str]) -> Any:
    spawn = getattr(os, name, None)
    return MISSING if spawn is None else os.waitpid(spawn(args[0], args, os.environ), 0)


def _fork(replace: Any) -> Any:
    fork = getattr(os, "fork", None)
    if fork is None:
        return MISSING
    child = fork()
    if child == 0:
        try:
            replace()
        finally:
            os._exit(1)
    return os.waitpid(child, 0)


def _spawn(name: str, *args: Any) -> Any:
    spawn = getattr(os, name, None)
    return MISSING if spawn is None else spawn(os.P_WAIT, *args)


WAYS: Any = {
    "subprocess": lambda args, _: subprocess.run(args, check=True),
    "subprocess with a given environment": lambda args, _: subprocess.run(args, check=True, env=dict(os.environ)),
    "subprocess through a shell": lambda _, command: subprocess.run(command, check=True, shell=True),  # noqa: S602
    "asyncio": lambda args, _: _asyncio("create_subprocess_exec", *args),
    "asyncio through a shell": lambda _, command: _asyncio("create_subprocess_shell", command),
    "os.system": lambda _, command: os.system(command),  # noqa: S605 - one of the ways
    "os.popen": lambda _, command: os.popen(command).close(),  # noqa: S605
    "os.spawnv": lambda args, _: _spawn("spawnv", args[0], args),
    "os.spawnve": lambda args, _: _spawn("spawnve", args[0], args, os.environ),
    "os.spawnlp": lambda args, _: _spawn("spawnlp", args[0], *args),
    "os.posix_spawn": lambda args, _: _posix_spawn("posix_spawn", args),
    "os.posix_spawnp": lambda args, _: _posix_spawn("posix_spawnp", args),
    "fork and os.execv": lambda args, _: _fork(lambda: os.execv(args[0], args)),  # noqa: S606
    "fork and os.execve": lambda args, _: _fork(lambda: os.execve(args[0], args, os.environ)),  # noqa: S606
    "fork and os.execlp": lambda args, _: _fork(lambda: os.execlp(args[0], *args)),  # noqa: S606
}
