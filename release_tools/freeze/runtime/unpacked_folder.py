"""Looks after the folder into which the bootloader unpacks the bundle, and which it removes when the program ends.

It stays for as long as a forked child or another start of the program uses it, can be read by the user that the program
becomes, and is left alone by what tidies temporary folders. Folders of programs that were killed are removed by the
next start.
"""

import _thread
import atexit
import contextlib
import os
import stat
import sys
import time
from typing import Any

from . import bootloader, on_demand, signals
from .unpacking import BOOTLOADER_SECONDS, KEPT, MARKER

if sys.platform != "win32":
    import fcntl

# How long a start may spend on removing the folders of others; it's enough for dozens of them.
SWEEP_SECONDS = 5.0

BUNDLE: str = getattr(sys, "_MEIPASS", "")
# The calls after which this process may not be allowed to read its files.
USER_CHANGES = ("setuid", "seteuid", "setreuid", "setresuid", "setgid", "setegid", "setregid", "setresgid")

original_exit: Any = os._exit

# The descriptor of the locked folder; -1 if there's none.
lock = -1
# Several threads may fork at the same time.
forking = _thread._local()  # noqa: SLF001 - importing threading would cost time at every start
has_forked = False
# The children that share the folder.
sharing: set[int] = set()


def install() -> None:
    """Protect this program's folder, and remove those that nothing uses any more."""
    global lock  # noqa: PLW0603 - a fact about this process
    if not bootloader.process_of(BUNDLE):
        return
    if sys.platform != "win32":
        lock = locked(BUNDLE)
        os.register_at_fork(
            before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child
        )
        # The first to be registered is the last to be called.
        atexit.register(leave)
        # By setattr, since the type checker refuses an assignment.
        setattr(os, "_exit", exit_at_once)  # noqa: B010
        if os.geteuid() == 0:
            for name in filter(os.__dict__.__contains__, USER_CHANGES):
                setattr(os, name, after_opening(getattr(os, name)))
    if bootloader.process_id:
        sweep()


def locked(folder: str, *, below: int | None = None) -> int:
    """Lock the folder for as long as this process runs, and return its descriptor; -1 if that's impossible.

    Other processes see the lock, and systemd-tmpfiles doesn't tidy the folder.
    """
    descriptor = -1
    try:
        descriptor = os.open(folder, os.O_RDONLY, dir_fd=below)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        close(descriptor)
        return -1
    return descriptor


def close(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.close(descriptor)


def before_fork() -> None:
    """Lock the folder for the child, which must have a lock of its own from the first moment."""
    global has_forked  # noqa: PLW0603 - a fact about this process
    has_forked = True
    # Not by its name, which it may be without for a moment.
    forking.lock_of_child = locked(".", below=lock) if lock >= 0 else -1


def after_fork_in_parent() -> None:
    close(forking.lock_of_child)


def after_fork_in_child() -> None:
    global lock  # noqa: PLW0603 - a fact about this process
    close(lock)
    lock = forking.lock_of_child


def after_opening(change_user: Any) -> Any:
    """`os.setuid` or the like, wrapped: before, every user may read the folder."""

    def wrapper(*ids: int) -> None:
        # Afterwards, it may not be allowed to write there.
        on_demand.unpack_all()
        for folder, _, files in os.walk(BUNDLE):
            for path in (folder, *(os.path.join(folder, name) for name in files)):  # noqa: PTH118
                mode = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116
                readable = mode & (stat.S_IRUSR | stat.S_IXUSR)
                os.chmod(path, mode | readable >> 3 | readable >> 6)  # noqa: PTH101
        change_user(*ids)
        # The system forgets the watch when the user changes.
        bootloader.watch()

    return wrapper


def exit_at_once(status: int, /) -> None:
    leave(status)
    original_exit(status)


def leave(status: int | None = None) -> None:
    """Before this process ends: keep the folder for those who still use it. The last of them removes it.

    `status` is the exit status if the process is ending at once.
    """
    if os.getpid() == bootloader.first_process:
        stop_helpers()
        own = own_lock()
        # Without a lock, nothing is known about other processes.
        is_locked = own >= 0 and not is_unused(own)
        if is_locked or any(map(is_running_child, sharing)) or (has_forked and is_mapped(BUNDLE)):
            keep(signals.exit_status if status is None else status)
    elif is_unused(own_lock()) and not bootloader.is_alive(bootloader.process_of(BUNDLE)):
        remove(BUNDLE)


def stop_helpers() -> None:
    """End the helpers of multiprocessing now: they share the folder, and would end with this process anyway."""
    for module, helper in (("resource_tracker", "_resource_tracker"), ("forkserver", "_forkserver")):
        found: Any = sys.modules.get(f"multiprocessing.{module}")
        if found is not None:
            # Private, and different in each version of Python.
            with contextlib.suppress(Exception):
                getattr(found, helper)._stop()  # noqa: SLF001


def own_lock() -> int:
    """The descriptor of the locked folder: a daemon closes all, and may have opened something else. -1 for none."""
    with contextlib.suppress(OSError):
        if os.path.samestat(os.fstat(lock), os.stat(BUNDLE)):  # noqa: PTH116
            return lock
    return locked(BUNDLE)


def keep(status: int | None) -> None:
    """Give the bootloader an empty folder to remove; a process that waits for that puts the real one back.

    Ends this process if its exit status is known: Python's own clean-up takes long, and others miss files meanwhile.
    """
    kept = f"{BUNDLE}{KEPT}"
    # Before the fork, for it may call functions of the app.
    on_demand.wait_no_more()
    end, _ = os.pipe()
    if os.fork():
        if status is not None:
            flush_files()
        os.rename(BUNDLE, kept)  # noqa: PTH104
        os.mkdir(BUNDLE, 0o700)  # noqa: PTH102
        if status is not None:
            original_exit(status)
        return
    # A reader of this program's output waits until no process has it open.
    os.dup2(end, 0)
    os.closerange(1, 4096)
    os.setsid()
    # Until the process has ended that has the other end of the pipe.
    os.read(0, 1)
    deadline = time.monotonic() + BOOTLOADER_SECONDS
    # Without pauses: it takes less than a millisecond.
    while os.path.isdir(BUNDLE) and time.monotonic() < deadline:  # noqa: PTH112
        pass
    # It's still there if something was written into it.
    wrong = f"{BUNDLE}.wrong"
    with contextlib.suppress(OSError):
        os.rename(BUNDLE, wrong)  # noqa: PTH104
    with contextlib.suppress(OSError):
        os.rename(kept, BUNDLE)  # noqa: PTH104
    if os.path.lexists(wrong):
        remove(wrong)
    # Its last user may have ended meanwhile, or be about to: one that saw the empty folder doesn't remove this one.
    deadline = time.monotonic() + BOOTLOADER_SECONDS
    while os.path.isdir(BUNDLE) and time.monotonic() < deadline:  # noqa: PTH112
        remove_if_unused(BUNDLE)
        time.sleep(0.01)
    original_exit(0)


def flush_files() -> None:
    """Write what Python writes at its end: the buffers of all open files."""
    import gc
    import io

    for found in gc.get_objects():
        with contextlib.suppress(Exception):
            if isinstance(found, io.IOBase) and not found.closed:
                found.flush()


def is_running_child(process: int) -> bool:
    """Whether a child still runs, without waiting for it or taking its exit status."""
    try:
        return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def is_unused(descriptor: int) -> bool:
    """Whether no other process has locked the open folder; this one has it for itself then."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, ValueError):
        # ValueError: it couldn't be opened.
        return False
    return True


def is_mapped(folder: str) -> bool:
    """Whether another process has loaded a library from the folder; daemons close what they have locked.

    Only Linux tells.
    """
    own = str(os.getpid())
    for process in filter(str.isdigit, os.listdir("/proc") if sys.platform == "linux" else ()):  # noqa: PTH208
        with contextlib.suppress(OSError), open(f"/proc/{process}/maps", "rb") as file:  # noqa: PTH123
            if process != own and os.fsencode(folder) + b"/" in file.read():
                return True
    return False


def sweep() -> None:
    """Remove this user's dead folders of the same app; what looks unusual in any way stays."""
    parent, own = os.path.split(BUNDLE)
    deadline = time.monotonic() + SWEEP_SECONDS
    app = None
    for name in os.listdir(parent):  # noqa: PTH208
        process = bootloader.process_of(name) if name != own else 0
        if not process or bootloader.is_alive(process) or time.monotonic() > deadline:
            continue
        app = app or read_marker(BUNDLE)
        path = os.path.join(parent, name)  # noqa: PTH118
        if is_own_folder(path) and app and read_marker(path) == app:
            remove_if_unused(path)


def is_own_folder(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (sys.platform == "win32" or found.st_uid == os.geteuid())


def read_marker(folder: str) -> bytes:
    try:
        with open(os.path.join(folder, MARKER), "rb") as file:  # noqa: PTH118, PTH123
            return file.read(1000)
    except OSError:
        return b""


def remove_if_unused(path: str) -> None:
    """Remove a folder whose bootloader has ended, unless a process still uses it."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            # Fails if a file in it is open.
            os.rename(path, f"{path}.dead")  # noqa: PTH104
            remove(f"{path}.dead")
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if is_unused(descriptor) and not is_mapped(path):
                remove(path)
        finally:
            os.close(descriptor)


def remove(path: str) -> None:
    """Remove a folder, with its marker last: if this process is killed meanwhile, the next start goes on."""
    # A millisecond at the few starts that need it.
    import shutil

    with contextlib.suppress(OSError):
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name != MARKER:
                os.unlink(entry.path)  # noqa: PTH108
    shutil.rmtree(path, ignore_errors=True)
