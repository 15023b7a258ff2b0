"""Bundles the time zone data of tzdata as one file.

A one-file program writes every bundled file to disk on each start, and tzdata's 600 are most of a typical app's. As a
zip file on `sys.path` they're one. Called by `freeze.spec`.
"""

import importlib.util
import zipfile
from pathlib import Path
from typing import Final

PACKAGE: Final = "tzdata"
# runtime/time_zones.py adds it to sys.path.
ARCHIVE_NAME: Final = "tzdata.zip"
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def is_time_zone_data(name: str) -> bool:
    """Whether a module (by dotted name) or bundled file (by path) belongs to tzdata."""
    return name.replace("\\", "/").replace(".", "/").split("/")[0] == PACKAGE


def write_time_zone_archive(folder: Path) -> Path:
    """Write the installed tzdata to a zip file in `folder`; the same release of tzdata gives the same bytes.

    The files are stored, not compressed, because the release archive compresses them.
    """
    spec = importlib.util.find_spec(PACKAGE)
    package = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path()
    archive = folder / ARCHIVE_NAME
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), _ZIP_EPOCH)
                entry.create_system = 3  # Unix on every host, for equal bytes
                opened.writestr(entry, path.read_bytes())
    return archive
