"""Makes the bundled time zone data importable, if there is any."""

import os
import sys


def install() -> None:
    """Put the archive of tzdata on the import path."""
    archive = os.path.join(getattr(sys, "_MEIPASS", ""), "tzdata.zip")  # noqa: PTH118 - pathlib takes long to import
    if os.path.isfile(archive):  # noqa: PTH113
        sys.path.append(archive)
