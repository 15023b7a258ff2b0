"""Insists on a UTF-8 locale."""

import locale
import sys


def work(*words: str) -> int:
    """Print a line, or refuse to run."""
    codeset = locale.nl_langinfo(locale.CODESET)
    if codeset != "UTF-8":
        sys.exit(f"the locale uses {codeset}, not UTF-8")
    print("done", *words)
    return 0
