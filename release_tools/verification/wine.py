"""Detect Wine, so that checks can skip what it doesn't support."""

import ctypes
import sys
from typing import Any


def wine_version(ntdll: Any = None) -> str:
    """The version of Wine that this process runs on, or "" on Windows and other systems.

    `ntdll` replaces the system's library in tests; only Wine's has the function.
    """
    if ntdll is None and sys.platform == "win32":
        ntdll = ctypes.WinDLL("ntdll")
    get_version = getattr(ntdll, "wine_get_version", None)
    if get_version is None:
        return ""
    get_version.restype = ctypes.c_char_p
    return str(get_version().decode("ascii"))
