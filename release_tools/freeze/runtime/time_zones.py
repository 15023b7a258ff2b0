"""Makes the bundled time zone data importable, if there is any. Most programs never need it."""

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from . import on_demand

PACKAGE = "tzdata"
ARCHIVE = "tzdata.zip"


def install() -> None:
    """Look out for the import of tzdata, after every other finder."""
    if any(ARCHIVE in files.waiting for files in on_demand.unpackers):
        sys.meta_path.append(TimeZones)


class TimeZones:
    """Puts the archive of tzdata on the import path when that's imported."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG004
        if name != PACKAGE:
            return None
        for files in on_demand.unpackers:
            files.bring(ARCHIVE)
        archive = os.path.join(getattr(sys, "_MEIPASS", ""), ARCHIVE)  # noqa: PTH118 - pathlib takes long to import
        if archive not in sys.path:
            sys.path.append(archive)
        return PathFinder.find_spec(name)
