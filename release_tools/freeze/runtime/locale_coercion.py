"""Replaces the C locale with a UTF-8 one, as Python does before it runs a script (PEP 538).

PyInstaller starts its interpreter without this step. A program that insists on a UTF-8 locale would refuse to start,
and its child processes would get the C locale.
"""

import contextlib
import os
import sys

# In Python's order; the first that the system has.
TARGETS = ("C.UTF-8", "C.utf8", "UTF-8")


def install() -> None:
    """Set LC_CTYPE, here and for child processes, if the locale is C only because nothing better is set."""
    if sys.platform == "win32" or os.environ.get("LC_ALL") or os.environ.get("PYTHONCOERCECLOCALE") == "0":
        return
    # The part of `locale` that's compiled into the interpreter; the rest would take a millisecond to import.
    import _locale

    unknown_locale: type[Exception] = _locale.Error  # type: ignore[attr-defined]  # the type checker doesn't know it
    if _locale.setlocale(_locale.LC_CTYPE) not in {"C", "POSIX"}:
        return
    for target in TARGETS:
        try:
            _locale.setlocale(_locale.LC_CTYPE, target)
        except unknown_locale:
            continue
        os.environ["LC_CTYPE"] = target
        # Python also sets the other categories from the environment then, and at no other time.
        # One of them may name a locale that the system doesn't have.
        with contextlib.suppress(unknown_locale):
            _locale.setlocale(_locale.LC_ALL, "")
        return
