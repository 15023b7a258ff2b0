"""All that the program does only because it may be a frozen, one-file executable.

PyInstaller's one-file executables are two processes: a bootloader, whose process id the user sees, and this program
as its child.
"""

import ctypes
import os
import sys
import threading
import time
from pathlib import Path

# The hidden command that serves MCP, for `doctor`.
ECHO_COMMAND = "_mcp-echo"

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
_WINDOWS_SYNCHRONIZE = 0x00100000
_WINDOWS_WAIT_FOREVER = 0xFFFFFFFF
_POLL_SECONDS = 1.0


def is_frozen() -> bool:
    """Tell whether this is a PyInstaller executable rather than a Python installation."""
    return bool(getattr(sys, "frozen", False))


def bundle_folder() -> Path | None:
    """Return the folder that the executable's files were unpacked to, None from source."""
    folder = getattr(sys, "_MEIPASS", None)
    return Path(folder) if is_frozen() and folder else None


def self_command(*args: str) -> list[str]:
    """Return the command line that starts this program again with `args`."""
    if is_frozen():
        return [sys.executable, *args]
    return [sys.executable, "-m", "agent_runner", *args]


def die_with_parent() -> None:
    """End this process when the bootloader that started it is killed.

    `kill -9` ends only the bootloader; without this the program would carry on unseen. It does nothing from source
    and in a one-folder build, whose parent is the user's shell, which may well end first.
    """
    if not _is_one_file():
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    elif sys.platform == "win32":
        handle = ctypes.windll.kernel32.OpenProcess(_WINDOWS_SYNCHRONIZE, False, os.getppid())
        if handle:
            threading.Thread(target=_exit_after_windows_process, args=(handle,), daemon=True).start()
    else:
        threading.Thread(target=_exit_after_parent, args=(os.getppid(),), daemon=True).start()


def _is_one_file() -> bool:
    folder = bundle_folder()
    return folder is not None and Path(sys.executable).parent not in (folder, folder.parent)


def _exit_after_windows_process(handle: int) -> None:
    if sys.platform == "win32":
        ctypes.windll.kernel32.WaitForSingleObject(handle, _WINDOWS_WAIT_FOREVER)
        os._exit(1)


def _exit_after_parent(parent_id: int) -> None:
    # macOS has no signal on a parent's death, and kqueue would cost a thread as well.
    while os.getppid() == parent_id:
        time.sleep(_POLL_SECONDS)
    os._exit(1)
