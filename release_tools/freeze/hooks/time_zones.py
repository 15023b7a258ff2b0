"""Runs inside the frozen program before the app: makes the bundled time zone data importable, where there is any."""

import os
import sys

archive = os.path.join(getattr(sys, "_MEIPASS", ""), "tzdata.zip")  # noqa: PTH118 - pathlib takes long to import
if os.path.isfile(archive):  # noqa: PTH113
    sys.path.append(archive)
