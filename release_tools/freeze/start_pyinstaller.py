"""Starts PyInstaller in the app's Python, from the tools' environment.

Arguments: the tools' site-packages, the folder of this library, then PyInstaller's own. What the app has is found
first, here and in PyInstaller's child processes, which get this path. But PyInstaller itself uses the versions that
it's locked with: the app's may be too old for it.
"""

import importlib
import sys
from importlib.machinery import PathFinder
from typing import Final

# Everything that PyInstaller and freeze.spec import from other distributions, they import when these are imported.
USERS_OF_TOOLS: Final = (
    "PyInstaller.building.build_main",
    "release_tools.binaries.rpaths",
    "release_tools.binaries.stripping",
    "release_tools.freeze.deferred_files",
    "release_tools.freeze.dll_folders",
    "release_tools.freeze.faster_libraries",
    "release_tools.freeze.faster_scan",
    "release_tools.freeze.kept_scans",
    "release_tools.freeze.module_blocks",
    "release_tools.freeze.records",
    "release_tools.freeze.upx",
    "release_tools.freeze.version_resource",
)

# A freeze imports this module, and the distribution that it uses, only if it meets a file that no earlier one has. The
# tools are last on the path then, so if the app has that distribution too, it's imported at once like the others.
LATE_USER_OF_TOOLS: Final = "release_tools.binaries.quiet_lief"
_USED_LATE: Final = "lief"


def import_users_of_tools(tools: str, library: str) -> None:
    """Import with the tools first on the path; then put them last, and forget what the app has too."""
    app_path = [*sys.path]
    sys.path[:0] = [tools, library]
    for name in USERS_OF_TOOLS:
        importlib.import_module(name)
    if PathFinder.find_spec(_USED_LATE, app_path):
        importlib.import_module(LATE_USER_OF_TOOLS)
    sys.path[:] = [*app_path, tools]
    top_levels = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
    shared = {name for name in top_levels - {"__main__", "PyInstaller"} if PathFinder.find_spec(name, app_path)}
    for name in [*sys.modules]:
        if name.partition(".")[0] in shared:
            del sys.modules[name]


if __name__ == "__main__":
    _, tools_folder, library_folder, *arguments = sys.argv
    import_users_of_tools(tools_folder, library_folder)
    from PyInstaller.__main__ import run

    run(arguments)
