"""Leaves the unpacking of most files to the frozen program itself; see `runtime/unpacking.py`.

The bootloader passes over entries whose kind it doesn't know. Their content stays as it is.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from PyInstaller.archive.writers import CArchiveWriter
from PyInstaller.depend.bindepend import get_python_library_path

from release_tools.binaries.native_files import read_native
from release_tools.binaries.payload import DEFERRED
from release_tools.binaries.rpaths import Entry
from release_tools.freeze.runtime.unpacked_folder import MARKER
from release_tools.freeze.standard_library import BASE_LIBRARY

# What Python and PyInstaller's start-up code load before the program can unpack anything.
_NEEDED_MODULES: Final = ("_ctypes", "_struct", "zlib")


def needed_at_start(binaries: Iterable[Entry]) -> frozenset[str]:
    """The files that the bootloader must unpack: Python, the modules that it starts with, and their libraries."""
    sources = {name: Path(source) for name, source, _ in binaries}
    libraries = {Path(name).name: name for name in sources}
    waiting = [name for name in sources if Path(name).name.partition(".")[0] in _NEEDED_MODULES]
    waiting += [libraries[Path(get_python_library_path()).name]]
    needed = {MARKER, BASE_LIBRARY}
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            native = read_native(sources[name].read_bytes())
            names = (PurePosixPath(library).name for library in (native.libraries if native else ()))
            waiting += [libraries[library] for library in names if library in libraries]
    return frozenset(needed)


def install(needed: frozenset[str]) -> None:
    """Have PyInstaller write every other file with a kind that the bootloader doesn't know."""
    kinds = {kind: deferred for deferred, kind in DEFERRED.items()}
    serialize: Any = CArchiveWriter._serialize_toc  # noqa: SLF001 - nothing public sees every entry

    def with_deferred(toc: Iterable[tuple[Any, ...]]) -> bytes:
        table: bytes = serialize(
            [(*fields, kind if name in needed else kinds.get(kind, kind), name) for *fields, kind, name in toc]
        )
        return table

    setattr(CArchiveWriter, "_serialize_toc", staticmethod(with_deferred))  # noqa: B010 - refused by the type checker
