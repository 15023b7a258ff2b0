"""Gives `sys.argv[0]` the path of the program, which the shell leaves out when it finds the program by PATH.

From source, the script's path is there. Apps start or open `sys.argv[0]`.
"""

import os
import sys


def install() -> None:
    """Put the folder in front of a bare name."""
    if not os.path.dirname(sys.argv[0]):  # noqa: PTH120 - pathlib would cost time at every start
        sys.argv[0] = os.path.join(_folder_of(sys.argv[0]), sys.argv[0])  # noqa: PTH118


def _folder_of(name: str) -> str:
    """The first folder on PATH that has it, as the shell found it, or the executable's own."""
    # Windows looks in other places too.
    folders = [] if sys.platform == "win32" else os.environ.get("PATH", "").split(os.pathsep)
    paths = ((folder, os.path.join(folder, name)) for folder in folders if folder)  # noqa: PTH118
    found = (folder for folder, path in paths if os.path.isfile(path) and os.access(path, os.X_OK))  # noqa: PTH113
    return next(found, os.path.dirname(sys.executable))  # noqa: PTH120
