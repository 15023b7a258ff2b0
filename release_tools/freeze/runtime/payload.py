"""Reads the payload of the running executable: the files, scripts and modules behind the bootloader.

`CArchiveWriter` in PyInstaller/archive/writers.py writes it.
"""

import marshal
import os
import sys
from collections.abc import Iterator
from typing import Any

# How a payload ends: this mark, then four numbers and the name of Python's library.
MARK = b"MEI\014\013\012\013\016"
COOKIE_SIZE = 88
# What an entry of its table begins with, before the name: four numbers, and two of one byte each.
ENTRY_SIZE = 18

# The kinds of files that the bootloader leaves to the program: those that are unpacked at every start; extension
# modules, with the libraries that they need; and what belongs to a package, or to a distribution's metadata. The source
# of a module that's bundled as bytecode is rarely read.
NATIVE_AT_START, DATA_AT_START = "B", "X"
NATIVE_ON_IMPORT, LINK_ON_IMPORT = "L", "N"
NATIVE_ON_DEMAND, DATA_ON_DEMAND, SOURCE_ON_DEMAND = "E", "D", "S"
# The entry that has, for native files, the files that must be there before they're loaded; it's never unpacked.
INDEX = "I"
LIBRARIES = "!libraries"
# PyInstaller's own flags are 0 and 1.
COMPRESSED = 2
# In bytes.
CHUNK = 1 << 20

# The kind, name with "/" on every platform, position, size in the executable, and whether it's compressed.
Entry = tuple[str, str, int, int, bool]

# The open executable, which one process after the other may have closed; and which file that is.
descriptor = -1
identity: tuple[int, int] | None = None


def read_table() -> list[Entry]:
    """Each entry of the payload. Raises `OSError` if there's none."""
    end = find_cookie()
    cookie = read(end, COOKIE_SIZE)[len(MARK) :]
    length, table_position, table_size = (int.from_bytes(cookie[at : at + 4]) for at in (0, 4, 8))
    start = end + COOKIE_SIZE - length
    table = read(start + table_position, table_size)
    number = int.from_bytes
    entries = []
    at = 0
    while at < table_size:
        next_at = at + number(table[at : at + 4])
        name_at = at + ENTRY_SIZE
        name = table[name_at : table.index(b"\0", name_at)].decode()
        if sys.platform == "win32":
            name = name.replace("\\", "/")
        position, size = start + number(table[at + 4 : at + 8]), number(table[at + 8 : at + 12])
        entries.append((chr(table[name_at - 1]), name, position, size, table[name_at - 2] == COMPRESSED))
        at = next_at
    return entries


def find_cookie() -> int:
    """The position of the mark. What comes behind the payload, such as section headers or a signature, is small."""
    block = 64 * 1024
    end = os.stat(sys.executable).st_size  # noqa: PTH116 - pathlib would cost time at every start
    while end > 0:
        begin = max(0, end - block)
        found = read(begin, min(block, end - begin) + len(MARK), may_end=True).rfind(MARK)
        if found >= 0:
            return begin + found
        end = begin
    raise OSError(0, "the executable has no payload", sys.executable)


def read(position: int, size: int, *, may_end: bool = False) -> bytes:
    """Part of the executable. Raises `OSError` if it ends before, or has been replaced since the start."""
    file = opened()
    if sys.platform == "win32":
        try:
            os.lseek(file, position, os.SEEK_SET)
            content = os.read(file, size)
        finally:
            # While it's open, an update can't rename it.
            os.close(file)
    else:
        content = os.pread(file, size, position)
    if len(content) == size or may_end:
        return content
    # A read may return less than was asked for.
    rest = read(position + len(content), size - len(content)) if content else b""
    if not rest:
        raise OSError(0, "the executable is truncated", sys.executable)
    return content + rest


def opened() -> int:
    """The open executable. On POSIX it stays open, so that the program survives an update that replaces the file."""
    global descriptor, identity
    if sys.platform == "win32" or identity is None or not is_executable(descriptor):
        file = os.open(sys.executable, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        found = os.fstat(file)
        if identity is not None and identity != (found.st_dev, found.st_ino):
            os.close(file)
            raise OSError(0, "the executable has been replaced since the program was started", sys.executable)
        descriptor, identity = file, (found.st_dev, found.st_ino)
        # Another thread may have opened its own meanwhile.
        return file
    return descriptor


def is_executable(file: int) -> bool:
    """Whether this descriptor is still the executable's: a daemon closes all, and may have opened something else."""
    try:
        found = os.fstat(file)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == identity


def chunks(position: int, size: int, *, is_compressed: bool) -> Iterator[bytes]:
    """The content of an entry, in parts that are small enough for any memory."""
    decompressor: Any = None
    if is_compressed:
        from . import _zstd  # type: ignore[attr-defined] # bundled with every program

        decompressor = _zstd.ZstdDecompressor()
    while size:
        content = read(position, min(size, CHUNK))
        position, size = position + len(content), size - len(content)
        if decompressor is None:
            yield content
            continue
        yield decompressor.decompress(content, CHUNK)
        while not (decompressor.needs_input or decompressor.eof):
            yield decompressor.decompress(b"", CHUNK)


def read_libraries(entries: list[Entry]) -> dict[str, tuple[str, ...]]:
    """The files that must be there before a native file is loaded, by its name."""
    for kind, _, position, size, is_compressed in entries:
        if kind == INDEX:
            found: dict[str, tuple[str, ...]] = marshal.loads(  # noqa: S302 - ours
                b"".join(chunks(position, size, is_compressed=is_compressed))
            )
            return found
    return {}
