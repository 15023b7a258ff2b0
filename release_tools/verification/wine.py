"""Whether what looks like Windows is Wine, which lacks some of it: only its libraries tell who made them."""

import sys
from typing import Any


def wine_version(ntdll: Any = None) -> str:
    """The version of the Wine that runs this, "" on Windows itself and on every other system.

    `ntdll` stands in for the library that is asked, of any type since it is foreign code.
    """
    if ntdll is None:
        if sys.platform != "win32":
            return ""
        import ctypes  # noqa: PLC0415 - `windll` is there on Windows alone

        ntdll = ctypes.WinDLL("ntdll")
    try:
        ask = ntdll.wine_get_version
    except AttributeError:
        return ""
    return _text_of(ask)


def _text_of(ask: Any) -> str:
    import ctypes  # noqa: PLC0415

    ask.restype = ctypes.c_char_p
    return str(ask().decode("ascii"))
