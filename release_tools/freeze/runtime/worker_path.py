"""Keeps the working folder on the import path of multiprocessing's spawned workers.

For a worker, multiprocessing replaces '' on the path by the folder in which the program started. PyInstaller's run-time
hook sets that folder to None, and with it the entry: a web server's workers wouldn't find the app they are to serve.
"""

import contextlib
import os
from typing import Any

from . import imports


def install() -> None:
    """Fill the entry in again, once the program imports what starts workers."""
    start_folder = ""
    # The folder may have been deleted.
    with contextlib.suppress(OSError):
        start_folder = os.getcwd()  # noqa: PTH109 - pathlib costs every start some milliseconds

    def change(spawn: Any) -> None:
        get_preparation_data = spawn.get_preparation_data

        def with_start_folder(name: str) -> dict[str, Any]:
            data: dict[str, Any] = get_preparation_data(name)
            data["sys_path"] = [start_folder if folder is None else folder for folder in data["sys_path"]]
            return data

        spawn.get_preparation_data = with_start_folder

    imports.when_imported("multiprocessing.spawn", change)
