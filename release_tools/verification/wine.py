"""Tells Wine from Windows: checks skip by name what Wine lacks."""

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


def _text_of(ask: Any) -> str:
    import ctypes  # noqa: PLC0415

    ask.restype = ctypes.c_char_p
    return str(ask().decode("ascii"))
