"""Leaves the unpacking of most files to the frozen program itself; see `runtime/unpacking.py`.

The bootloader passes over entries whose kind it doesn't know. Some are unpacked at every start, most only when the
program needs them: an extension module with its libraries when it's imported, data with the package that it belongs to.
"""

import io
import marshal
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any, Final

from PyInstaller.archive.writers import CArchiveWriter
from PyInstaller.depend.bindepend import get_python_library_path

from release_tools.binaries.compression import zstd_module
from release_tools.binaries.native_files import Read, read_native_file
from release_tools.binaries.payload import BINARY, DATA, SYMLINK
from release_tools.binaries.rpaths import Entry
from release_tools.distributions import source_module
from release_tools.freeze.runtime import payload
from release_tools.freeze.runtime.on_demand import METADATA_SUFFIXES
from release_tools.freeze.runtime.time_zones import ARCHIVE
from release_tools.freeze.runtime.unpacking import MARKER
from release_tools.freeze.runtime_hooks import PACKAGE
from release_tools.freeze.standard_library import BASE_LIBRARY

# What Python and PyInstaller's start-up code load before the program can unpack anything.
_NEEDED_MODULES: Final = ("_ctypes", "_struct", "zlib")
_FILES: Final = frozenset({"BINARY", "EXTENSION", "DATA", "SYMLINK"})
_EXTENSIONS: Final = (".so", ".pyd")


class Moment(Enum):
    """When the program unpacks a file.

    At every start; with the module that needs it; with its package, or when it's used in any way; only when it's read.
    """

    START = "start"
    IMPORT = "import"
    USE = "use"
    READING = "reading"


# By PyInstaller's kind. Files that PyInstaller must not strip are data, even libraries; an executable text is a binary.
_KINDS: Final = {
    (Moment.START, BINARY): payload.NATIVE_AT_START,
    (Moment.START, DATA): payload.DATA_AT_START,
    (Moment.IMPORT, BINARY): payload.NATIVE_ON_IMPORT,
    (Moment.IMPORT, DATA): payload.NATIVE_ON_IMPORT,
    (Moment.IMPORT, SYMLINK): payload.LINK_ON_IMPORT,
    (Moment.USE, BINARY): payload.NATIVE_ON_DEMAND,
    (Moment.USE, DATA): payload.DATA_ON_DEMAND,
    (Moment.READING, BINARY): payload.SOURCE_ON_DEMAND,
    (Moment.READING, DATA): payload.SOURCE_ON_DEMAND,
}


@dataclass(frozen=True, kw_only=True)
class Deferral:
    """When the program unpacks each file that the bootloader leaves to it, and what native files need.

    `libraries` has the files that must be there before a native file is loaded. All names are paths in the bundle.
    """

    moments: Mapping[str, Moment]
    libraries: Mapping[str, tuple[str, ...]]


def plan_deferral(
    binaries: Iterable[Entry],
    datas: Iterable[Entry],
    modules: Collection[str],
    *,
    is_windows: bool,
    read: Read = read_native_file,
) -> Deferral:
    """Decide for each file of the bundle; `modules` are the dotted names of those that aren't files.

    On Windows, the bootloader unpacks all DLLs, since PyInstaller's start-up code looks for their folders, and whatever
    else is needed at every start.
    """
    found = {Path(name).as_posix(): (source, kind) for name, source, kind in binaries if kind in _FILES}
    natives = {name: Path(source) for name, (source, kind) in found.items() if kind != "SYMLINK"}
    links = {name for name, (_, kind) in found.items() if kind == "SYMLINK"}
    data: set[str] = set()
    for name, _, kind in datas:
        (links if kind == "SYMLINK" else data).add(Path(name).as_posix())
    closures = _Closures(natives, links, read)
    needed = needed_at_start(closures)
    # What decompresses the others looks like an extension module of a package, but is needed at every start.
    candidates = natives.keys() - needed - {bundled_zstd_module()}
    extensions = {name for name in candidates if _is_extension_module(name, natives[name])}
    on_import = set(extensions)
    if not is_windows:
        on_import.update(*map(closures.of, extensions))
    packages = {module.partition(".")[0] for module in modules}
    on_use = {name for name in data | candidates if _is_of_package(name, packages) or name == ARCHIVE} - on_import
    # What a library that is there from the start loads must be there too.
    on_import = on_import.difference(*map(closures.of, natives.keys() - on_import - on_use))
    moments: dict[str, Moment] = {}
    for name in sorted((data | natives.keys() | links) - needed):
        if name in on_import:
            moments[name] = Moment.IMPORT
        elif name in links or (is_windows and name in natives):
            continue
        elif name in on_use:
            is_source = name.endswith(".py") and source_module(name) in modules
            moments[name] = Moment.READING if is_source and name in data else Moment.USE
        elif not is_windows:
            moments[name] = Moment.START
    later = [name for name, moment in moments.items() if moment is not Moment.START and name in natives]
    libraries = {name: tuple(each for each in closures.of(name) if each in moments) for name in later}
    return Deferral(moments=moments, libraries={name: each for name, each in libraries.items() if each})


class _Closures:
    """The libraries that native files need, with those that they need in turn, as far as they're in the bundle."""

    def __init__(self, natives: Mapping[str, Path], links: Iterable[str], read: Read) -> None:
        self._natives = natives
        self._read = read
        self._direct: dict[str, list[str]] = {}
        self.named: dict[str, list[str]] = {}
        for name in (*natives, *links):
            self.named.setdefault(PurePosixPath(name).name, []).append(name)

    def of(self, name: str) -> list[str]:
        """The files that this one needs, without itself."""
        found: dict[str, None] = {}
        waiting = [name]
        while waiting:
            for each in self._needed_by(waiting.pop()):
                if each not in found and each != name:
                    found[each] = None
                    waiting.append(each)
        return sorted(found)

    def _needed_by(self, name: str) -> list[str]:
        if name not in self._direct:
            native = self._read(self._natives[name]) if name in self._natives else None
            libraries = (PurePosixPath(library).name for library in (native.libraries if native else ()))
            self._direct[name] = [each for library in libraries for each in self.named.get(library, ())]
        return self._direct[name]


def needed_at_start(closures: _Closures) -> frozenset[str]:
    """The files that the bootloader must unpack: Python, the modules that it starts with, and their libraries."""
    first = [
        name
        for stem in (*_NEEDED_MODULES, Path(get_python_library_path()).name)
        for file, names in closures.named.items()
        for name in names
        if stem in {file, file.partition(".")[0]}
    ]
    return frozenset({MARKER, BASE_LIBRARY, *first}.union(*map(closures.of, first)))


def _is_extension_module(name: str, source: Path) -> bool:
    """Whether this is loaded by an import; a library that has the same suffix isn't."""
    path = PurePosixPath(name)
    stem = path.name.partition(".")[0]
    if path.suffix not in _EXTENSIONS:
        return False
    module = path.parent.name if stem == "__init__" else stem
    return f"PyInit_{module}\0".encode() in source.read_bytes()


def _is_of_package(name: str, packages: Collection[str]) -> bool:
    """Whether this is below the folder of a package, which is imported before, or of a distribution's metadata."""
    top, separator, _ = name.partition("/")
    return bool(separator) and (top in packages or top.endswith(METADATA_SUFFIXES))


def bundled_zstd_module() -> str:
    """Where the bundle has the module that decompresses the others, for this alone."""
    return f"{PACKAGE}/{zstd_module().name}"


def install(deferral: Deferral, index: Path, compress: Callable[[bytes], bytes]) -> list[Entry]:
    """Have PyInstaller write the deferred files with kinds that the bootloader doesn't know, compressed.

    Several threads call `compress`, which remembers. Writes what extension modules need to the file `index`, and
    returns its entry for the bundle.
    """
    write_entry: Any = CArchiveWriter._write_entry  # noqa: SLF001 - nothing public sees every entry

    def write(writer: Any, file: Any, entry: tuple[str, str, bool, str]) -> tuple[int, int, int, int, str, str]:
        name, *_ = entry
        moment = deferral.moments.get(Path(name).as_posix())
        written: tuple[int, int, int, int, str, str]
        if moment is None and name != payload.LIBRARIES:
            written = write_entry(writer, file, entry)
            return written
        buffer = io.BytesIO()
        *_, written_kind, name = write_entry(writer, buffer, entry)
        kind = _KINDS[moment, written_kind] if moment else payload.INDEX
        content = buffer.getvalue()
        is_raw = kind == payload.LINK_ON_IMPORT or is_decompressor(name)
        stored = content if is_raw else compress(content)
        position = file.tell()
        file.write(stored)
        return (position, len(stored), len(content), 0 if is_raw else payload.COMPRESSED, kind, name)

    def is_decompressor(name: str) -> bool:
        return Path(name).as_posix() == bundled_zstd_module()

    initialize: Any = CArchiveWriter.__init__

    def compress_before(writer: Any, path: str, entries: Any, pylib_name: str) -> None:
        entries = list(entries)
        sources = [
            Path(source)
            for name, source, *_, kind in entries
            if kind in {BINARY, DATA} and Path(name).as_posix() in deferral.moments and not is_decompressor(name)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(lambda source: compress(source.read_bytes()), sources):
                pass
        initialize(writer, path, entries, pylib_name)

    setattr(CArchiveWriter, "__init__", compress_before)  # noqa: B010 - refused by the type checker
    setattr(CArchiveWriter, "_write_entry", write)  # noqa: B010
    index.write_bytes(marshal.dumps(dict(deferral.libraries)))
    return [(payload.LIBRARIES, os.fspath(index), "DATA")]
