"""Gives the frozen program's child processes the environment that the program itself was started with.

The bootloader points LD_LIBRARY_PATH (or the like) at the bundle's libraries, leaves `_PYI_*` variables for its own
second process and, on Windows, makes the bundle a DLL folder. Run-time hooks set more variables, such as TCL_LIBRARY. A
shell, an editor or another program that inherits these breaks, or dies with this program.

The bootloader's variables leave the environment at the start, so that no child gets them, however it's started. Only
this program itself does, when it starts itself: it uses the folder that is already unpacked then.
"""

import contextlib
import functools
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import imports, interpreter, unpacked_folder

BUNDLE = getattr(sys, "_MEIPASS", "")
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")

# The bootloader's variables.
bundle_variables: dict[str, str] = {}
# The executable as it was at the start.
executable_status: tuple[int, ...] = ()

# What a variable was and what it became, for each that a run-time hook changed. These are variables too, since a worker
# of multiprocessing inherits the change and couldn't tell.
WAS, BECAME = "_RELEASE_TOOLS_WAS_", "_RELEASE_TOOLS_BECAME_"
before_hooks: dict[str, str] = {}

original_execve: Any = os.execve


def remember() -> None:
    """Take the bootloader's variables out of the environment, and remember it before the run-time hooks change it."""
    global executable_status  # noqa: PLW0603 - a fact about this process
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        bundle_variables[name] = os.environ.pop(name)
    for name in LIBRARY_PATHS:
        if BUNDLE and BUNDLE in os.environ.get(name, ""):
            bundle_variables[name] = os.environ.pop(name)
            original = os.environ.pop(f"{name}_ORIG", None)
            if original is not None:
                bundle_variables[f"{name}_ORIG"] = os.environ[name] = original
    executable_status = status_of_executable()
    before_hooks.update(os.environ)


def status_of_executable() -> tuple[int, ...]:
    """What changes when the executable is replaced; empty if it's gone."""
    try:
        found = os.stat(sys.executable)  # noqa: PTH116 - pathlib costs time at every start
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


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
    setattr(os, "execve", execve)  # noqa: B010
    setattr(os, "execv", execv)  # noqa: B010
    if original_execve in os.supports_fd:
        os.supports_fd.add(execve)
    _install_for_system()
    imports.when_imported("uvloop", wrap_loop)


def wrap_loop(uvloop: Any) -> None:
    """Give children of uvloop the same environment: it starts them itself, in C."""
    for name in ("subprocess_exec", "subprocess_shell"):
        original = getattr(uvloop.Loop, name)

        @functools.wraps(original)
        def start(
            self: Any, protocol_factory: Any, program: Any, *args: Any, original: Any = original, **kwargs: Any
        ) -> Any:
            kwargs["env"] = child_environment(kwargs.get("env"), program)
            return original(self, protocol_factory, program, *args, **kwargs)

        setattr(uvloop.Loop, name, start)


def child_environment(given: Mapping[Any, Any] | None, program: object, *, is_tied: bool = False) -> dict[str, str]:
    """The environment for a child: as given, or this program's own, without what belongs to the bundle.

    If the program to start is this one, it learns how often it started itself in a row. If it's tied to this process,
    such as by a pipe, it shares the unpacked folder; one that may well run for longer unpacks its own.
    """
    environment = os.environ if given is None else given
    # Names and values may be bytes on POSIX.
    cleaned = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
    if sys.platform == "win32":
        cleaned = {
            name: without_library_folders(value) if name.upper() == "PATH" else value for name, value in cleaned.items()
        }
    for marker in [name for name in cleaned if name.startswith(BECAME)]:
        name, became = marker.removeprefix(BECAME), cleaned.pop(marker)
        original = cleaned.pop(WAS + name, None)
        # A value that the app itself chose for its child stays.
        if cleaned.get(name) == became:
            del cleaned[name]
            if original is not None:
                cleaned[name] = original
    if interpreter.is_own_program(program):
        cleaned[interpreter.DEPTH_VARIABLE] = str(interpreter.next_depth())
        # After an update, the folder isn't that of the program to start.
        if is_tied and status_of_executable() == executable_status:
            cleaned |= bundle_variables
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


@functools.wraps(original_execve)
def execve(path: Any, argv: Any, env: Mapping[Any, Any]) -> None:
    with outside_libraries():
        original_execve(path, argv, child_environment(env, path, is_tied=True))


@functools.wraps(os.execv)
def execv(path: Any, argv: Any, /) -> None:
    execve(path, argv, os.environ)


if sys.platform == "win32":
    import _winapi
    import ctypes
    import subprocess
    import threading
    import types

    # The DLL folder belongs to the whole process, so only one thread at a time may unset it.
    creation = threading.Lock()
    original_create_process: Any = _winapi.CreateProcess
    original_spawnve: Any = os.spawnve

    DETACHING_FLAGS = (
        subprocess.DETACHED_PROCESS
        | subprocess.CREATE_NEW_PROCESS_GROUP
        | subprocess.CREATE_NEW_CONSOLE
        | subprocess.CREATE_BREAKAWAY_FROM_JOB
    )

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

    @functools.wraps(original_create_process)
    def start_worker(*args: Any) -> Any:
        """What multiprocessing starts its workers with."""
        return start(*args, is_tied=True)

    @functools.wraps(original_create_process)
    def start_for_popen(*args: Any) -> Any:
        *_, flags, _, _, startup = args
        return start(*args, is_tied=not flags & DETACHING_FLAGS and _has_pipe(startup))

    def start(executable: Any, line: Any, *args: Any, is_tied: bool) -> Any:
        *before, environment, folder, startup = args
        cleaned = child_environment(environment, executable or program_in(line), is_tied=is_tied)
        with outside_libraries():
            return original_create_process(executable, line, *before, cleaned, folder, startup)

    def program_in(line: str) -> str:
        """The program in a command line: in quotes, or up to the first space."""
        return line[1:].partition('"')[0] if line.startswith('"') else line.partition(" ")[0]

    def _has_pipe(startup: Any) -> bool:
        handles = [getattr(startup, name, None) for name in ("hStdInput", "hStdOutput", "hStdError")]
        return any(handle and _winapi.GetFileType(int(handle)) == _winapi.FILE_TYPE_PIPE for handle in handles)

    @functools.wraps(original_spawnve)
    def spawnve(mode: int, path: Any, argv: Any, env: Mapping[Any, Any], /) -> int:
        # Waited for outside of the lock, as the child may run for long.
        is_waiting = mode == os.P_WAIT
        cleaned = child_environment(env, path, is_tied=is_waiting)
        with outside_libraries():
            result: int = original_spawnve(os.P_NOWAIT if is_waiting else mode, path, argv, cleaned)
        return os.waitpid(result, 0)[1] >> 8 if is_waiting else result

    @functools.wraps(os.spawnv)
    def spawnv(mode: int, path: Any, argv: Any, /) -> int:
        return spawnve(mode, path, argv, os.environ)

    @functools.wraps(os.system)
    def system_on_windows(command: str) -> int:
        sys.audit("os.system", command)
        return subprocess.call(command, shell=True)  # noqa: S602 - this is os.system

    def _install_for_system() -> None:
        setattr(_winapi, "CreateProcess", start_worker)  # noqa: B010
        # Popen finds everything in its module's `_winapi`.
        functions = types.SimpleNamespace(**{**vars(_winapi), "CreateProcess": start_for_popen})
        setattr(subprocess, "_winapi", functions)  # noqa: B010
        setattr(os, "spawnve", spawnve)  # noqa: B010
        setattr(os, "spawnv", spawnv)  # noqa: B010
        setattr(os, "system", system_on_windows)  # noqa: B010

else:
    # On POSIX the library path is a variable, which `child_environment` deals with.
    outside_libraries = contextlib.nullcontext
    original_fork_exec: Any = None
    # Positions in the parameters; the pipes are this process's ends of them.
    PATHS, ENVIRONMENT = 1, 5
    PIPES = (7, 8, 10)
    NEW_SESSION, PROCESS_GROUP, GROUP, USER = 15, 16, 17, 19

    def start_worker(*args: Any) -> int:
        """What multiprocessing starts its workers with."""
        return start(args, is_tied=True)

    def start_for_popen(*args: Any) -> int:
        is_attached = (args[NEW_SESSION], args[PROCESS_GROUP], args[GROUP], args[USER]) == (False, -1, None, None)
        return start(args, is_tied=is_attached and any(args[end] != -1 for end in PIPES))

    def start(args: Sequence[Any], *, is_tied: bool) -> int:
        given = args[ENVIRONMENT]
        environment = None if given is None else dict(entry.split(b"=", 1) for entry in given)
        program = next(filter(interpreter.is_own_program, args[PATHS]), None)
        cleaned = child_environment(environment, program, is_tied=is_tied)
        entries = [os.fsencode(name) + b"=" + os.fsencode(value) for name, value in cleaned.items()]
        pid: int = original_fork_exec(*args[:ENVIRONMENT], entries, *args[ENVIRONMENT + 1 :])
        if program is not None and is_tied:
            unpacked_folder.sharing.add(pid)
        return pid

    def with_child_environment(spawn: Any) -> Any:
        """`os.posix_spawn` or `os.posix_spawnp`, wrapped."""

        @functools.wraps(spawn)
        def spawn_outside(path: Any, argv: Sequence[Any], env: Mapping[Any, Any] | None, /, **kwargs: Any) -> Any:
            return spawn(path, argv, child_environment(env, path), **kwargs)

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

    def replace_fork_exec(module: Any) -> None:
        global original_fork_exec  # noqa: PLW0603 - a fact about this process
        original_fork_exec = module.fork_exec
        module.fork_exec = functools.wraps(original_fork_exec)(start_worker)

    def change_popen(module: Any) -> None:
        # It has its own reference.
        module._fork_exec = functools.wraps(original_fork_exec)(start_for_popen)  # noqa: SLF001
        # The other way of Popen, which doesn't tell whether there's a pipe. Python documents that this may be set.
        module._USE_POSIX_SPAWN = False  # noqa: SLF001

    def _install_for_system() -> None:
        imports.when_imported("_posixsubprocess", replace_fork_exec)
        imports.when_imported("subprocess", change_popen)
        for function in ("posix_spawn", "posix_spawnp"):
            if hasattr(os, function):
                setattr(os, function, with_child_environment(getattr(os, function)))
        if hasattr(os, "posix_spawn"):
            setattr(os, "system", functools.wraps(os.system)(run_in_shell))  # noqa: B010
