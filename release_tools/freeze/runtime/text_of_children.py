"""Reads the text of child processes as the program does from source.

The frozen program is in UTF-8 mode, in which `subprocess` takes the output of every child for UTF-8. Programs write in
the machine's encoding.
"""

import os
import sys
from typing import Any

from . import imports

original_text_encoding: Any = None


def install() -> None:
    """Replace what chooses the encoding of pipes in text mode; a private function, of Python 3.11 and later."""
    if sys.flags.utf8_mode:
        imports.when_imported("subprocess", replace)


def replace(subprocess: Any) -> None:
    global original_text_encoding  # noqa: PLW0603 - a fact about this process
    original_text_encoding = getattr(subprocess, "_text_encoding", None)
    if original_text_encoding is not None:
        subprocess._text_encoding = text_encoding  # noqa: SLF001


def text_encoding() -> str:
    """The encoding for `text=True` without one."""
    import locale

    original_text_encoding()  # It warns if the user wants that.
    # From source, Python is in UTF-8 mode if the user asks for it, or in the C locale (PEP 540).
    is_c_locale = sys.platform != "win32" and locale.setlocale(locale.LC_CTYPE) in {"C", "POSIX"}
    mode = os.environ.get("PYTHONUTF8") or ("1" if is_c_locale else "0")
    return "utf-8" if mode == "1" else locale.getencoding()
