"""Ends the frozen program when the bootloader that started it is killed.

A one-file executable runs as two processes, and the PID that users see is the bootloader's. It forwards every signal
except SIGKILL. Without this, the program would keep running unnoticed after `kill -9`, a timeout or the OOM killer.
"""

import ctypes
import os
import sys
from typing import Any


def install() -> None:
    """Watch the bootloader, if it waits for this process."""
    bootloader = find_bootloader(getattr(sys, "_MEIPASS", ""))
    if bootloader:
        {"linux": watch_on_linux, "win32": watch_on_windows}.get(sys.platform, watch_on_macos)(bootloader)


def find_bootloader(bundle: str) -> int:
    """The bootloader's process id, 0 where it does not wait for this process.

    The bundle's folder is `_MEI`, that id in eight hexadecimal digits, and random characters. A worker of
    multiprocessing has the same folder but another parent, which may exit first. So may the shell that started a
    one-folder build.
    """
    folder = os.path.basename(bundle)  # noqa: PTH119 - pathlib would cost time at every start
    try:
        bootloader = int(folder[4:12], 16) if folder.startswith("_MEI") else 0
    except ValueError:
        return 0
    return bootloader if os.getppid() == bootloader else 0


def watch_on_linux(bootloader: int) -> None:
    set_parent_death_signal, kill_signal = 1, 9
    ctypes.CDLL(None).prctl(set_parent_death_signal, ctypes.c_ulong(kill_signal))
    # It may have been killed just before.
    if os.getppid() != bootloader:
        os.kill(os.getpid(), kill_signal)


def watch_on_macos(bootloader: int) -> None:
    import threading
    import time

    def poll() -> None:
        # macOS has no signal for this.
        while os.getppid() == bootloader:
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
