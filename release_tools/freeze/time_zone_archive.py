"""The time zone data of tzdata as one file of the bundle.

A one-file program writes every file of its bundle to the disk at each start, and tzdata has about 600, most of what a
usual app has at all. As an archive on the path they cost one. Called by `freeze.spec`.
"""

import importlib.util
import zipfile
from pathlib import Path
from typing import Final

PACKAGE: Final = "tzdata"
# runtime/time_zones.py puts it on the path.
ARCHIVE_NAME: Final = "tzdata.zip"
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def is_time_zone_data(name: str) -> bool:
    """Whether a module, by its dotted name, or a file of the bundle, by its path, belongs to tzdata."""
    return name.replace("\\", "/").replace(".", "/").split("/")[0] == PACKAGE


def write_time_zone_archive(folder: Path) -> Path:
    """Write tzdata, as installed, into `folder`; returns the archive, with the same bytes for the same release.

    Stored, because the archive around the program compresses it.
    """
    spec = importlib.util.find_spec(PACKAGE)
    package = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path()
    archive = folder / ARCHIVE_NAME
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), _ZIP_EPOCH)
                entry.create_system = 3  # Unix, on every host, so that the bytes stay equal
                opened.writestr(entry, path.read_bytes())
    return archive
