"""Finds data files that no locked distribution owns. Executed by `freeze.spec`.

Some of PyInstaller's hooks bundle what they find on the build machine. The lock doesn't describe it, so from the same
commit the next machine builds another program.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from release_tools.binaries.rpaths import Entry

# PyInstaller's folders for the data of Tcl and Tk, which belong to Python. Some systems keep them apart from it.
_OF_PYTHON: Final = frozenset({"_tcl_data", "_tk_data", "tcl8", "tcl9"})


def unowned_data(datas: Iterable[Entry], folders: Sequence[str]) -> list[tuple[str, str]]:
    """The TOC entries whose files aren't in these folders: path in the bundle, and path on disk; sorted."""
    owned = tuple(str(Path(folder)) + os.sep for folder in folders)
    # Some hooks follow links, as to a temporary folder on macOS, or spell drives in another way.
    real = tuple(_real(folder) + os.sep for folder in folders)
    return sorted(
        (Path(name).as_posix(), source)
        for name, source, kind in datas
        if kind == "DATA"
        and not source.startswith(owned)
        and not _real(source).startswith(real)
        and Path(name).parts[0] not in _OF_PYTHON
    )


def _real(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))
