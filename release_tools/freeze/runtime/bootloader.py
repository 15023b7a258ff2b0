"""Hides the bootloader: the process that started this program, waits for it, and removes its unpacked folder.

A one-file executable runs as two processes, and the PID that users see is the bootloader's. It forwards every signal
except SIGKILL. Without a watch, the program would keep running unnoticed after `kill -9`, a timeout or the OOM killer.
To the program, the bootloader would be its parent, not the process that started it.
"""

import contextlib
import ctypes
import functools
import os
import sys
from typing import Any

original_getppid: Any = os.getppid

# 0 where no bootloader waits for this process.
process_id = 0
# The one that the bootloader has started, and waits for; 0 where it isn't known. The parent doesn't tell: a bootloader
# that is process 1, as in a container, becomes the parent of every orphan.
first_process = 0


def install() -> None:
    """Watch the bootloader, if it waits for this process, and show the process that started it as the parent."""
    global process_id, first_process  # noqa: PLW0603 - facts about this process
    process_id = find_bootloader(getattr(sys, "_MEIPASS", ""))
    if process_id:
        first_process = os.getpid()
        watch()
        setattr(os, "getppid", getppid)  # noqa: B010 - the type checker refuses an assignment


def watch() -> None:
    """End this process as soon as the bootloader has been killed."""
    if process_id:
        {"linux": watch_on_linux, "win32": watch_on_windows}.get(sys.platform, watch_on_macos)(process_id)


def find_bootloader(bundle: str) -> int:
    """The bootloader's process id, 0 where it does not wait for this process.

    The bundle's folder is `_MEI`, that id in eight hexadecimal digits, and random characters. A worker of
    multiprocessing has the same folder but another parent, which may exit first. So may the shell that started a
    one-folder build.
    """
    unpacked_by = process_of(bundle)
    return unpacked_by if unpacked_by == original_getppid() else 0


def process_of(folder: str) -> int:
    """The id of the process that unpacked a folder with this path; 0 if the bootloader doesn't name folders so."""
    name = os.path.basename(folder)  # noqa: PTH119 - pathlib would cost time at every start
    try:
        return int(name[4:12], 16) if name.startswith("_MEI") else 0
    except ValueError:
        return 0


@functools.wraps(original_getppid)
def getppid() -> int:
    parent: int = original_getppid()
    return parent_of(parent) if parent == process_id else parent


def parent_of(process: int) -> int:
    """The parent of another process; the process itself where the system doesn't tell."""
    tell = {"linux": _parent_on_linux, "win32": _parent_on_windows}.get(sys.platform, _parent_on_macos)
    try:
        return tell(process)
    except (OSError, ValueError, IndexError):
        return process


def _parent_on_linux(process: int) -> int:
    _, parent = _state_and_parent(process)
    return int(parent)


def _state_and_parent(process: int) -> list[bytes]:
    """What Linux tells about a process: a letter, and the parent's id. Raises `OSError` if there's no such process."""
    with open(f"/proc/{process}/stat", "rb") as file:  # noqa: PTH123 - pathlib would cost time at every start
        # The name before them is in parentheses and may contain anything.
        return file.read().rpartition(b")")[2].split()[:2]


def _parent_on_macos(process: int) -> int:
    import subprocess

    command = ["/bin/ps", "-o", "ppid=", "-p", str(process)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)


def _parent_on_windows(process: int) -> int:
    query_limited_information, basic_information = 0x1000, 0
    windll: Any = getattr(ctypes, "windll")  # noqa: B009 - the type checker knows it on Windows only
    windll.kernel32.OpenProcess.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(windll.kernel32.OpenProcess(query_limited_information, False, process))
    # PROCESS_BASIC_INFORMATION: six fields as large as a pointer, of which the last is the parent's id.
    fields = (ctypes.c_void_p * 6)()
    status = windll.ntdll.NtQueryInformationProcess(
        handle, basic_information, ctypes.byref(fields), ctypes.sizeof(fields), None
    )
    windll.kernel32.CloseHandle(handle)
    return process if status else int(fields[5] or 0)


def is_alive(process: int) -> bool:
    """Whether the process runs, maybe as another user's. On Linux, one that nobody has waited for yet doesn't."""
    if sys.platform == "win32":
        return is_alive_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not has_ended(process)


def has_ended(process: int) -> bool:
    with contextlib.suppress(OSError):
        return _state_and_parent(process)[0] in {b"Z", b"X"}
    return False


def is_alive_on_windows(process: int) -> bool:
    import _winapi

    windows: Any = _winapi
    synchronize, unknown_process = 0x00100000, 87
    try:
        handle = windows.OpenProcess(synchronize, False, process)
    except OSError as error:
        return getattr(error, "winerror", 0) != unknown_process
    has_ended = windows.WaitForSingleObject(handle, 0) == windows.WAIT_OBJECT_0
    windows.CloseHandle(handle)
    return not has_ended


def watch_on_linux(bootloader: int) -> None:
    set_parent_death_signal, kill_signal = 1, 9
    ctypes.CDLL(None).prctl(set_parent_death_signal, ctypes.c_ulong(kill_signal))
    # It may have been killed just before.
    if original_getppid() != bootloader:
        os.kill(os.getpid(), kill_signal)


def watch_on_macos(bootloader: int) -> None:
    import threading
    import time

    def poll() -> None:
        # macOS has no signal for this.
        while original_getppid() == bootloader:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=poll, name="parent watch", daemon=True).start()


def watch_on_windows(bootloader: int) -> None:
    import threading

    synchronize, forever = 0x00100000, 0xFFFFFFFF
    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 - the type checker knows it on Windows only
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(synchronize, False, bootloader)
    if handle is None:
        return

    def wait() -> None:
        kernel.WaitForSingleObject(ctypes.c_void_p(handle), forever)
        os._exit(1)

    threading.Thread(target=wait, name="parent watch", daemon=True).start()
