"""Spares the processes that PyInstaller's search for shared libraries starts in vain. Executed by `freeze.spec`.

It runs `ldd` for each native file, which starts three processes or more, and most extension modules need nothing but
glibc. Of the interpreter it asks that again and again. And for a DLL of Windows, which portable code names, it asks the
C compiler and the linker.
"""

import functools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from release_tools.binaries.native_files import Read, read_native_file
from release_tools.binaries.system_libraries import is_system_library
from release_tools.freeze import faster_scan

_DLL: Final = ".dll"


def install(read: Read = read_native_file) -> bool:
    """Have PyInstaller search only for what it may find, in the known releases on Linux; returns whether it does.

    `read` reads native files.
    """
    from PyInstaller.depend import bindepend, utils  # noqa: PLC0415 - only the freeze needs PyInstaller

    if sys.platform != "linux" or not faster_scan.is_known():
        return False
    get_imports = functools.cache(bindepend.get_imports)
    resolve = utils._resolveCtypesImports  # noqa: SLF001 - see KNOWN_PYINSTALLER

    def find_needed(file_name: str, search_paths: Iterable[str] | None = None) -> Any:
        if needs_only_the_system(Path(file_name), read):
            return set()
        return {*get_imports(file_name, None if search_paths is None else tuple(search_paths))}

    def resolve_own(names: Iterable[str]) -> Any:
        return resolve([name for name in names if not _is_of_windows(name)])

    bindepend.get_imports = find_needed
    utils._resolveCtypesImports = resolve_own  # noqa: SLF001
    return True


def needs_only_the_system(path: Path, read: Read = read_native_file) -> bool:
    """Whether an ELF file needs only libraries that are never bundled, and which need no others."""
    native = read(path)
    return (
        native is not None
        and native.format == "ELF"
        and all(is_system_library(library, "linux") for library in native.libraries)
    )


def _is_of_windows(name: str) -> bool:
    return is_system_library(f"{name.removesuffix(_DLL)}{_DLL}", "windows")
