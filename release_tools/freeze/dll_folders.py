"""Limits what PyInstaller imports on Windows to learn which folders packages add to the DLL search path.

It imports every bundled package, one after the other. With all packages of all dependencies that takes minutes, and
some of them exit when they're imported. Executed by `freeze.spec`.
"""

from pathlib import Path
from typing import Any, Final

# delvewheel adds such a call to the package that a wheel's DLLs belong to.
_ADDS_FOLDER: Final = b"add_dll_directory"


def install() -> None:
    """Have PyInstaller import only the packages that an app imports first, and those that add a folder."""
    from PyInstaller.depend.analysis import PyiModuleGraph  # noqa: PLC0415 - only the freeze needs PyInstaller

    collected = PyiModuleGraph.get_collected_packages

    def get_collected_packages(graph: Any) -> list[str]:
        return [name for name in collected(graph) if "." not in name or _adds_folder(graph.find_node(name))]

    PyiModuleGraph.get_collected_packages = get_collected_packages


def _adds_folder(package: Any) -> bool:
    path = Path(package.filename or "")
    return path.suffix == ".py" and path.is_file() and _ADDS_FOLDER in path.read_bytes()
