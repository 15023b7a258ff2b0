"""Bundles the time zone data of tzdata as one file.

Tzdata has 600 small files, most of a typical app's. In a zip file on `sys.path` they compress well, and are unpacked as
one. Called by `freeze.spec`.
"""

import importlib.util
from pathlib import Path

from release_tools.archives import write_stored_zip
from release_tools.freeze.runtime.time_zones import ARCHIVE, PACKAGE


def is_time_zone_data(name: str) -> bool:
    """Whether a module (by dotted name) or bundled file (by path) belongs to tzdata."""
    return name.replace("\\", "/").replace(".", "/").split("/")[0] == PACKAGE


def write_time_zone_archive(folder: Path) -> Path:
    """Write the installed tzdata to a zip file in `folder`; the same release of tzdata gives the same bytes.

    The files are stored, because the zip file is compressed as a whole.
    """
    spec = importlib.util.find_spec(PACKAGE)
    package = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path()
    paths = (path for path in sorted(package.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    contents = ((path.relative_to(package.parent).as_posix(), path.read_bytes()) for path in paths)
    return write_stored_zip(folder / ARCHIVE, contents)
