"""Defines the builtins that Python's `site` module does, such as `exit` and `help`.

PyInstaller starts its interpreter without `site`, and a library that calls `exit()` would end with a NameError. `site`
itself isn't imported: it would bundle readline, which is under the GPL.
"""

import builtins
import sys


def install() -> None:
    """Define them as `site` does; a name that the program has already defined stays."""
    # Undocumented, but where `site` has them from since Python 3.4.
    from _sitebuiltins import Quitter, _Helper, _Printer

    end_of_input = "Ctrl-Z plus Return" if sys.platform == "win32" else "Ctrl-D (i.e. EOF)"
    found = {
        "exit": Quitter("exit", end_of_input),
        "quit": Quitter("quit", end_of_input),
        "copyright": _Printer("copyright", sys.copyright),
        "credits": _Printer("credits", "See https://www.python.org for more information."),
        "license": _Printer("license", "See https://www.python.org/psf/license/"),
        "help": _Helper(),
    }
    for name, value in found.items():
        if not hasattr(builtins, name):
            setattr(builtins, name, value)
