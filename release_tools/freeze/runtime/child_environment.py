"""Gives the frozen program's child processes the environment that the program itself was started with.

The bootloader points LD_LIBRARY_PATH (or the like) at the bundle's libraries, leaves `_PYI_*` variables for its own
second process and, on Windows, makes the bundle a DLL folder. Run-time hooks set more variables, such as TCL_LIBRARY. A
shell, an editor or another program that inherits these breaks, or dies with this program. `os.environ` stays as it is,
and so does what multiprocessing gives its workers: they are this same program and need the variables.
"""

import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import interpreter

BUNDLE = getattr(sys, "_MEIPASS", "")
SET_BY_BOOTLOADER = {
    name: os.environ[name]
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
    if BUNDLE and BUNDLE in os.environ.get(name, "")
}

# What a variable was and what it became, for each that a run-time hook changed. These are variables too, since a worker
# of multiprocessing inherits the change and couldn't tell.
WAS, BECAME = "_RELEASE_TOOLS_WAS_", "_RELEASE_TOOLS_BECAME_"
before_hooks: dict[str, str] = {}

# The position of `env` in Popen's parameters after `self`; passing it by position is rare, but allowed.
ENV_POSITION = 10

original_init: Any = subprocess.Popen.__init__
original_execve: Any = os.execve


def remember() -> None:
    """Remember the environment before the run-time hooks change it."""
    before_hooks.update(os.environ)


def compare() -> None:
    """Find the variables that the run-time hooks changed."""
    for name, value in tuple(os.environ.items()):
        before = before_hooks.get(name)
        # `without_library_folders` cleans the PATH of Windows, in which the hooks' change is only a part.
        if value == before or (sys.platform == "win32" and name == "PATH"):
            continue
        if before is not None and before != before_hooks.get(BECAME + name):
            os.environ[WAS + name] = before
        os.environ[BECAME + name] = value


def install() -> None:
    """Wrap every function of the standard library that starts a program."""
    # By setattr, since the type checker refuses an assignment. The rest of the exec family, and on POSIX all of spawn,
    # is Python code that ends in these two.
    setattr(subprocess.Popen, "__init__", init_popen)  # noqa: B010
    setattr(os, "execve", execve)  # noqa: B010
    setattr(os, "execv", execv)  # noqa: B010
    if original_execve in os.supports_fd:
        os.supports_fd.add(execve)
    _install_for_system()


def outside_environment(given: Mapping[Any, Any] | None, program: object) -> dict[str, str]:
    """An environment, or this program's own, without what belongs to the bundle.

    If the program to start is this one, it learns how often it started itself in a row.
    """
    environment = os.environ if given is None else given
    # Names and values may be bytes on POSIX.
    decoded = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
    cleaned = {name: value for name, value in decoded.items() if not name.startswith("_PYI_")}
    for name, value in SET_BY_BOOTLOADER.items():
        original = cleaned.pop(f"{name}_ORIG", None)
        # A value that the app itself chose for its child stays.
        if cleaned.get(name) == value:
            del cleaned[name]
            if original is not None:
                cleaned[name] = original
    if sys.platform == "win32":
        cleaned = {
            name: without_library_folders(value) if name.upper() == "PATH" else value for name, value in cleaned.items()
        }
    for marker in [name for name in cleaned if name.startswith(BECAME)]:
        name, became = marker.removeprefix(BECAME), cleaned.pop(marker)
        original = cleaned.pop(WAS + name, None)
        # As above.
        if cleaned.get(name) == became:
            del cleaned[name]
            if original is not None:
                cleaned[name] = original
    if interpreter.is_own_program(program):
        cleaned[interpreter.DEPTH_VARIABLE] = str(interpreter.next_depth())
    return cleaned


def without_library_folders(path: str) -> str:
    """A PATH without the bundle's DLL folders, which PyInstaller's hooks add on Windows.

    A folder of programs stays: the app may bring them in order to start them.
    """
    return os.pathsep.join(
        folder for folder in path.split(os.pathsep) if not _is_in_bundle(folder) or _holds_programs(folder)
    )


def _is_in_bundle(folder: str) -> bool:
    inside, bundle = (os.path.join(os.path.normcase(name), "") for name in (folder, BUNDLE))  # noqa: PTH118
    return bool(BUNDLE) and inside.startswith(bundle)


def _holds_programs(folder: str) -> bool:
    try:
        return any(name.lower().endswith((".exe", ".com", ".bat", ".cmd")) for name in os.listdir(folder))  # noqa: PTH208
    except OSError:
        return False


if sys.platform == "win32":
    import ctypes
    import threading

    # The DLL folder belongs to the whole process, so only one thread at a time may unset it.
    creation = threading.Lock()

    @contextlib.contextmanager
    def outside_libraries() -> Iterator[None]:
        """The system's own DLL folders, for as long as it takes to create a process."""
        kernel = ctypes.windll.kernel32
        folder = ctypes.create_unicode_buffer(32768)
        with creation:
            length = kernel.GetDllDirectoryW(len(folder), folder)
            kernel.SetDllDirectoryW(None)
            try:
                yield
            finally:
                kernel.SetDllDirectoryW(folder.value if length else None)
else:
    # On POSIX the library path is a variable, which `outside_environment` deals with.
    outside_libraries = contextlib.nullcontext


@functools.wraps(original_init)
def init_popen(self: Any, *args: Any, **kwargs: Any) -> None:
    args, kwargs = with_list(args, kwargs)
    program = started_program(*args, **kwargs)
    if len(args) > ENV_POSITION:
        args = (*args[:ENV_POSITION], outside_environment(args[ENV_POSITION], program), *args[ENV_POSITION + 1 :])
    else:
        kwargs["env"] = outside_environment(kwargs.get("env"), program)
    with outside_libraries():
        original_init(self, *args, **kwargs)


def started_program(*args: Any, **kwargs: Any) -> Any:
    """The program that Popen with these arguments starts; None if that is a shell."""
    named: dict[str, Any] = {**dict(zip(("args", "bufsize", "executable"), args, strict=False)), **kwargs}
    program: Any = named.get("executable") or named.get("args")
    is_list = program and not isinstance(program, str | bytes | os.PathLike)
    return None if named.get("shell") else (program[0] if is_list else program)


def with_list(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Popen's parameters, with a command line that can be read more than once; Popen also takes an iterator."""
    if args and isinstance(args[0], Iterator):
        return ([*args[0]], *args[1:]), kwargs
    if isinstance(kwargs.get("args"), Iterator):
        return args, {**kwargs, "args": [*kwargs["args"]]}
    return args, kwargs


@functools.wraps(original_execve)
def execve(path: Any, argv: Any, env: Mapping[Any, Any]) -> None:
    with outside_libraries():
        original_execve(path, argv, outside_environment(env, path))


@functools.wraps(os.execv)
def execv(path: Any, argv: Any, /) -> None:
    execve(path, argv, os.environ)


if sys.platform == "win32":
    original_spawnve: Any = os.spawnve

    @functools.wraps(original_spawnve)
    def spawnve(mode: int, path: Any, argv: Any, env: Mapping[Any, Any], /) -> int:
        # Waited for outside of the lock, as the child may run for long.
        is_waiting = mode == os.P_WAIT
        with outside_libraries():
            result: int = original_spawnve(
                os.P_NOWAIT if is_waiting else mode, path, argv, outside_environment(env, path)
            )
        return os.waitpid(result, 0)[1] >> 8 if is_waiting else result

    @functools.wraps(os.spawnv)
    def spawnv(mode: int, path: Any, argv: Any, /) -> int:
        return spawnve(mode, path, argv, os.environ)

    @functools.wraps(os.system)
    def system_on_windows(command: str) -> int:
        sys.audit("os.system", command)
        return subprocess.call(command, shell=True)  # noqa: S602 - this is os.system

    def _install_for_system() -> None:
        setattr(os, "spawnve", spawnve)  # noqa: B010
        setattr(os, "spawnv", spawnv)  # noqa: B010
        setattr(os, "system", system_on_windows)  # noqa: B010

else:

    def with_outside_environment(spawn: Any) -> Any:
        """`os.posix_spawn` or `os.posix_spawnp`, wrapped."""

        @functools.wraps(spawn)
        def spawn_outside(path: Any, argv: Sequence[Any], env: Mapping[Any, Any] | None, /, **kwargs: Any) -> Any:
            return spawn(path, argv, outside_environment(env, path), **kwargs)

        return spawn_outside

    def run_in_shell(command: Any) -> int:
        """Replaces system(3), which would pass on the C library's environment.

        A shell runs the command; meanwhile this process ignores interrupts. Returns the shell's wait status: that of an
        exit with 127 if it can't be started, and -1 if something else has already collected it.
        """
        encoded: bytes = os.fsencode(command)
        sys.audit("os.system", encoded)
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
        reset = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
        with contextlib.ExitStack() as ignored:
            for number in reset:
                # Only the main thread may set handlers, and one that Python didn't set could not be restored.
                if before[number] is not None:
                    with contextlib.suppress(ValueError):
                        signal.signal(number, signal.SIG_IGN)
                        ignored.callback(signal.signal, number, before[number])
            try:
                shell = os.posix_spawn("/bin/sh", [b"sh", b"-c", encoded], os.environ, setsigdef=reset)
            except OSError:
                return 127 << 8
            try:
                return os.waitpid(shell, 0)[1]
            except ChildProcessError:
                return -1

    def _install_for_system() -> None:
        for function in ("posix_spawn", "posix_spawnp"):
            if hasattr(os, function):
                setattr(os, function, with_outside_environment(getattr(os, function)))
        if hasattr(os, "posix_spawn"):
            setattr(os, "system", functools.wraps(os.system)(run_in_shell))  # noqa: B010
