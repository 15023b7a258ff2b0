"""Compresses the modules of the bundle together, in blocks; `runtime/compressed_modules.py` reads them.

Alone, most modules are too small to compress well. They're in the order in which they're imported, as far as that's
known, then in the order in which they probably are, so that a start reads few blocks. Executed by `freeze.spec`.
"""

import io
import marshal
import os
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from PyInstaller.archive.writers import ZlibArchiveWriter
from PyInstaller.building import api
from PyInstaller.compat import BYTECODE_MAGIC

from release_tools.binaries.module_table import LARGEST_BLOCK
from release_tools.freeze.runtime_hooks import PACKAGE

# Magic, Python's magic, the position of the table, and the room where the position of the blocks is.
_HEADER_SIZE: Final = 16

# In bytes. Larger blocks compress better, but each is decompressed as a whole, in about a millisecond per mebibyte. The
# first mebibytes have more modules than a start of most apps, if it isn't known what one imports.
_HOT_BLOCK: Final = 2 << 20
_HOT: Final = 16 << 20
_COLD_BLOCK: Final = 16 << 20
# A block may end after every so many modules, once it has half of that size. So most blocks have little more.
_ENDS: Final = 16
# What PyInstaller's start-up code imports (PyInstaller/loader), apart from what's in the base library. A name comes
# after its packages.
_START_UP: Final = {"win32": ("ctypes.util",), "darwin": ("ctypes.macholib", "ctypes.macholib.dyld")}


class _Stored(ZlibArchiveWriter):  # type: ignore[misc] # PyInstaller has no types
    """Serializes modules without compressing them."""

    _COMPRESSION_LEVEL = 0


def install(
    known: Sequence[str], order: Sequence[str], alone: Collection[str], compress: Callable[[bytes], bytes]
) -> None:
    """Have PyInstaller write such an archive, with the `known` modules first, and without those `alone` in blocks.

    The other modules are in this `order`. Several threads call `compress`.
    """

    def write(path: str, entries: Iterable[Any], code_dict: dict[str, Any]) -> None:
        write_archive(path, list(entries), code_dict, known=known, order=order, alone=alone, compress=compress)

    api.ZlibArchiveWriter = write


def write_archive(
    path: str,
    entries: Sequence[Any],
    code_dict: dict[str, Any],
    *,
    known: Sequence[str],
    order: Sequence[str],
    alone: Collection[str],
    compress: Callable[[bytes], bytes],
) -> None:
    """Write the archive that `PyInstaller.archive.writers.ZlibArchiveWriter` would write, but for the compression."""
    contents: dict[str, tuple[int, bytes]] = {}
    for entry in entries:
        name, (kind, _, size) = _Stored._write_entry(buffer := io.BytesIO(), entry, code_dict)  # noqa: SLF001
        contents[name] = (kind, zlib.decompress(buffer.getvalue()) if size else b"")
    table: dict[str, tuple[int, int, int]] = {}
    with open(path, "wb") as file:  # noqa: PTH123 - PyInstaller gives a string
        file.write(bytes(_HEADER_SIZE))
        position = 0
        in_blocks = []
        for name in dict.fromkeys((*(one for one in (*known, *order) if one in contents), *contents)):
            kind, content = contents[name]
            if name in alone:
                table[name] = (kind, file.tell(), file.write(zlib.compress(content)))
            else:
                table[name] = (kind, ~position, len(content))
                position += len(content)
                in_blocks.append((name, content))
        positions = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            start = 0
            blocks = list(_blocks(in_blocks, frozenset(known)))
            for block, compressed in zip(blocks, pool.map(compress, blocks), strict=True):
                positions.append((start, file.tell(), file.write(compressed)))
                start += len(block)
        blocks_at = file.tell()
        listed = marshal.dumps(positions)
        file.write(len(listed).to_bytes(4) + listed)
        table_at = file.tell()
        # In PyInstaller's order.
        file.write(marshal.dumps([(name, table[name]) for name in contents]))
        file.seek(0)
        file.write(b"PYZ\0" + BYTECODE_MAGIC + table_at.to_bytes(4) + blocks_at.to_bytes(4))


def _blocks(modules: Iterable[tuple[str, bytes]], known: Collection[str]) -> Iterator[bytes]:
    """The contents of modules, joined. A changed module changes few blocks, since names decide where they end."""
    hot = 0 if known else _HOT
    block = bytearray()
    written = 0
    for name, content in modules:
        block += content
        most = _HOT_BLOCK if name in known or written < hot else _COLD_BLOCK
        is_end = zlib.crc32(name.encode()) % _ENDS == 0
        if len(block) >= (most // 2 if is_end else most):
            written += len(block)
            yield from _split(block)
            block.clear()
    yield from _split(block)


def _split(block: bytearray) -> Iterator[bytes]:
    """A block that isn't too large: one module may be larger than any block."""
    return (bytes(block[at : at + LARGEST_BLOCK]) for at in range(0, len(block), LARGEST_BLOCK))


def imported_at_start(system: str = sys.platform) -> tuple[str, ...]:
    """What PyInstaller imports before any other code runs. The analysis must know it, to find what it needs in turn."""
    return ("ctypes", *_START_UP.get(system, ()))


def needed_by_reader(graph: Any) -> frozenset[str]:
    """The modules that may be imported before the reader of blocks is there, which are compressed one by one."""
    starts = [*map(graph.find_node, imported_at_start()), *_of_run_time(graph)]
    seen: set[int] = set()
    return frozenset(name for start in starts for name in _imported_at_once(graph, start, seen))


def import_order(graph: Any, scripts: Iterable[str]) -> list[str]:
    """The modules in the order in which scripts import them, after those of the package for run time.

    Imports in functions come after all others, in the same way.
    """
    found: dict[str, None] = {}
    seen: set[int] = set()
    starts = [*_of_run_time(graph), *map(graph.find_node, scripts)]
    for start in starts:
        for node in _imported_at_once(graph, start, seen).values():
            found[str(node.identifier)] = None
            starts += (target for target in graph.outgoing(node) if id(target) not in seen)
    return [*found]


def _of_run_time(graph: Any) -> list[Any]:
    return [node for node in graph.nodes() if str(node.identifier).partition(".")[0] == PACKAGE]


def _imported_at_once(graph: Any, start: Any, seen: set[int]) -> dict[str, Any]:
    """The nodes of the modules that importing one imports, in this order, except those already seen."""
    found = {}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node is not None and id(node) not in seen:
            seen.add(id(node))
            found[str(node.identifier)] = node
            targets = [*graph.outgoing(node)]
            waiting += (
                each for each in reversed(targets) if not getattr(graph.edgeData(node, each), "function", False)
            )
    return found
