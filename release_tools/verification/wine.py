"""Whether what looks like Windows is Wine, which lacks some of it: only its libraries tell who made them.

And what it needs to be like Windows.
"""

import sys
from typing import Any


def wine_version(ntdll: Any = None) -> str:
    """The version of the Wine that runs this, "" on Windows itself and on every other system.

    `ntdll` stands in for the library that is asked, of any type since it is foreign code.
    """
    if ntdll is None and sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - `WinDLL` is there on Windows alone

        ntdll = ctypes.WinDLL("ntdll")
    ask = getattr(ntdll, "wine_get_version", None)
    return "" if ask is None else _text_of(ask)


def start_desktop() -> None:
    """Have Wine start its desktop here; on Windows there is one already, and nothing happens.

    The first program with a window starts it otherwise, a hidden one of the bootloader included. It keeps the output of
    that program open, so that whoever reads it waits for ever.
    """
    if sys.platform == "win32" and wine_version():
        import ctypes  # noqa: PLC0415

        ctypes.WinDLL("user32").GetDesktopWindow()


def _text_of(ask: Any) -> str:
    import ctypes  # noqa: PLC0415

    ask.restype = ctypes.c_char_p
    return str(ask().decode("ascii"))
