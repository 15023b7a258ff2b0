"""Reads and writes the order in which usual starts of the app import modules.

The freeze puts these modules side by side, so that a start decompresses little else. An outdated file makes starts
slower, but the program does the same.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from release_tools.settings import ReleaseSettings

FILE_NAME: Final = "import-order.txt"
_COMMENT: Final = "#"
_HEADER: Final = f"{_COMMENT} The modules that usual starts import, in this order. Written by: nox -s import-order\n"


def import_order_path(settings: ReleaseSettings) -> Path | None:
    """The file beside the app's scenarios, whether it exists or not; None without `benchmarks` in the settings."""
    return None if settings.benchmarks is None else settings.benchmarks / FILE_NAME


def read_import_order(settings: ReleaseSettings) -> tuple[str, ...]:
    """The dotted names in the file, without repetitions; none if there's no file."""
    path = import_order_path(settings)
    if path is None or not path.is_file():
        return ()
    lines = (line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return tuple(dict.fromkeys(line for line in lines if line and not line.startswith(_COMMENT)))


def write_import_order(path: Path, modules: Iterable[str]) -> None:
    """Write the file, which is committed."""
    path.write_text(_HEADER + "".join(f"{name}\n" for name in modules), encoding="utf-8", newline="\n")
