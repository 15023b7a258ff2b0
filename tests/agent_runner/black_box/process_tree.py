"""The descendants of a process on Windows, where killing a process leaves them."""

import ctypes
import sys
from collections import defaultdict
from typing import ClassVar, Final

assert sys.platform == "win32"  # has mypy skip the rest of this module elsewhere

# From tlhelp32.h of the Windows SDK.
_SNAPSHOT_OF_PROCESSES: Final = 0x2


class _Entry(ctypes.Structure):
    """PROCESSENTRY32W of tlhelp32.h."""

    _fields_: ClassVar = [
        ("size", ctypes.c_uint32),
        ("usage", ctypes.c_uint32),
        ("process_id", ctypes.c_uint32),
        ("heap_id", ctypes.c_void_p),
        ("module_id", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("parent_id", ctypes.c_uint32),
        ("priority", ctypes.c_long),
        ("flags", ctypes.c_uint32),
        ("file", ctypes.c_wchar * 260),
    ]


def descendants(process_id: int) -> list[int]:
    """Return the IDs of the process's children, of theirs, and so on."""
    kernel = ctypes.WinDLL("kernel32")
    kernel.CreateToolhelp32Snapshot.restype = ctypes.c_void_p
    snapshot = ctypes.c_void_p(kernel.CreateToolhelp32Snapshot(_SNAPSHOT_OF_PROCESSES, 0))
    children = defaultdict(list)
    entry = _Entry(size=ctypes.sizeof(_Entry))
    is_more = kernel.Process32FirstW(snapshot, ctypes.byref(entry))
    while is_more:
        children[entry.parent_id].append(entry.process_id)
        is_more = kernel.Process32NextW(snapshot, ctypes.byref(entry))
    kernel.CloseHandle(snapshot)
    found = [process_id]
    for each in found:
        found += children.pop(each, ())
    return found[1:]
