"""Bundles the time zone data of tzdata as one file.

A one-file program writes every bundled file to disk on each start, and tzdata's 600 are most of a typical app's. As a
zip file on `sys.path` they're one. Called by `freeze.spec`.
"""

import importlib.util
from pathlib import Path
from typing import Final

from release_tools.archives import write_stored_zip

PACKAGE: Final = "tzdata"
# runtime/time_zones.py adds it to sys.path.
ARCHIVE_NAME: Final = "tzdata.zip"


def is_time_zone_data(name: str) -> bool:
    """Whether a module (by dotted name) or bundled file (by path) belongs to tzdata."""
    return name.replace("\\", "/").replace(".", "/").split("/")[0] == PACKAGE


def write_time_zone_archive(folder: Path) -> Path:
    """Write the installed tzdata to a zip file in `folder`; the same release of tzdata gives the same bytes.

    The files are stored, not compressed, because the release archive compresses them.
    """
    spec = importlib.util.find_spec(PACKAGE)
    package = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path()
    paths = (path for path in sorted(package.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    contents = ((path.relative_to(package.parent).as_posix(), path.read_bytes()) for path in paths)
    return write_stored_zip(folder / ARCHIVE_NAME, contents)
