"""Reads what a one-file executable contains: the files that it unpacks on start, scripts, and an archive of modules.

Works for executables of every platform on any host; nothing is written or started. The checks use it.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from PyInstaller.archive.readers import ArchiveReadError, CArchiveReader

from release_tools.binaries.compression import decompress
from release_tools.binaries.module_table import LARGEST_BLOCK, ModuleTable, read_module_table
from release_tools.errors import ReleaseError

# The typecodes of members in PyInstaller/archive/readers.py.
BINARY: Final = "b"
DATA: Final = "x"
SYMLINK: Final = "n"
SCRIPT: Final = "s"
MODULES: Final = "z"
UNPACKED: Final = frozenset({BINARY, DATA, SYMLINK})
# Ours, for files that the program unpacks instead of the bootloader, which doesn't know them; and what they are. The
# first ones are unpacked at every start.
_DEFERRED_AT_START: Final = {"B": BINARY, "X": DATA}
DEFERRED: Final = {**_DEFERRED_AT_START, "L": BINARY, "N": SYMLINK, "E": BINARY, "D": DATA, "S": DATA}

_ZSTANDARD: Final = 2
_PACKAGE: Final = 1
_NAMESPACE_PACKAGE: Final = 3
# This many bytes of the payload occur only once in an executable.
_RECOGNIZABLE: Final = 4096
# Python's code inflates to two or three times its size. A file that inflates to more than these is a zip bomb.
_LARGEST_RATIO: Final = 10
_SMALL: Final = 64 * 1024 * 1024
_LARGE: Final = 1024 * 1024 * 1024
_READ_ERRORS: Final = (ArchiveReadError, OSError, struct.error, zlib.error, EOFError, KeyError, TypeError, ValueError)


class PayloadError(ReleaseError):
    """A file that isn't a valid one-file executable made by PyInstaller."""

    def __init__(self, executable: Path, reason: str, hint: str = "") -> None:
        super().__init__(
            f"{executable.name} isn't a PyInstaller one-file executable: {reason}",
            hint or "build it again, or download it again and compare its checksum; don't edit or strip it",
        )


@dataclass(frozen=True, kw_only=True)
class PayloadMember:
    """An entry. `name` is a path with "/" on every platform, `size` the bytes that it takes in the executable.

    `is_on_demand` is true for a file that isn't unpacked at every start.
    """

    name: str
    kind: str
    size: int
    is_on_demand: bool = False


class Payload:
    """A one-file executable, opened for reading. Inflates to a multiple of the file's size, and 1 GiB at most.

    The constructor and every method raise `PayloadError` if it can't be read.
    """

    def __init__(self, executable: Path) -> None:
        self._executable = executable
        with self._reading():
            self._archive = CArchiveReader(str(executable))
            self._entries = {
                PayloadMember(
                    name=name.replace("\\", "/"),
                    kind=DEFERRED.get(kind, kind),
                    size=size,
                    is_on_demand=kind in DEFERRED.keys() - _DEFERRED_AT_START.keys(),
                ): name
                for name, (_offset, size, _full_size, _is_compressed, kind) in self._archive.toc.items()
            }
            file_size = executable.stat().st_size
            if sum(member.size for member in self._entries) > file_size:
                raise ArchiveReadError("its members are larger than the file")
            self._may_inflate = min(_LARGE, max(_SMALL, _LARGEST_RATIO * file_size))

    @property
    def members(self) -> tuple[PayloadMember, ...]:
        """Every entry, in order."""
        return tuple(self._entries)

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the interpreter."""
        return tuple(self._archive.options)

    def read_stored(self, member: PayloadMember) -> bytes:
        """The bytes that a member takes in the executable, compressed or not."""
        offset, size, *_ = self._archive.toc[self._entries[member]]
        return self._content[offset : offset + size]

    def read(self, member: PayloadMember) -> bytes:
        """The content of a member."""
        with self._reading():
            offset, size, full_size, compression, _kind = self._archive.toc[self._entries[member]]
            content = self._content[offset : offset + size]
            if compression == _ZSTANDARD:
                return self._decompress(content, full_size)
            return self._inflate(content) if compression else content

    @cached_property
    def module_sizes(self) -> dict[str, int]:
        """The bytes that each bundled module takes in the executable, by dotted name.

        Of a block, each module has the share that it has of its content.
        """
        sizes = {}
        with self._reading():
            for _start, table in self._modules:
                in_blocks = sum(size for _kind, offset, size in table.modules.values() if offset < 0)
                share = sum(size for *_, size in table.blocks) / max(1, in_blocks)
                for name, (_kind, offset, size) in table.modules.items():
                    sizes[name] = round(size * share) if offset < 0 else size
        return sizes

    @property
    def packages(self) -> frozenset[str]:
        """The names of bundled packages, with those that have no code."""
        kinds = {_PACKAGE, _NAMESPACE_PACKAGE}
        with self._reading():
            return frozenset(
                name for _start, table in self._modules for name, (kind, *_) in table.modules.items() if kind in kinds
            )

    def read_modules(self) -> Iterator[tuple[str, bytes]]:
        """The name and marshalled code of every bundled module."""
        for start, table in self._modules:
            with self._reading():
                blocks = b"".join(
                    self._decompress(self._content[start + offset : start + offset + size], LARGEST_BLOCK)
                    for _begin, offset, size in table.blocks
                )
            for name, (kind, offset, size) in table.modules.items():
                if kind != _NAMESPACE_PACKAGE:
                    with self._reading():
                        if offset < 0:
                            content = _part(blocks, ~offset, size)
                        else:
                            content = self._inflate(self._content[start + offset : start + offset + size])
                    yield name, content

    @property
    def main_script(self) -> PayloadMember:
        """The script that starts the app; the ones before it are runtime hooks."""
        scripts = [member for member in self.members if member.kind == SCRIPT]
        if not scripts:
            raise PayloadError(self._executable, "it has no main script")
        return scripts[-1]

    def bootloader(self) -> bytes:
        """The executable without its payload."""
        with self._reading():
            content = self._executable.read_bytes()
            start = content.index(self._content[:_RECOGNIZABLE])
            return content[:start] + content[start + len(self._content) :]

    @cached_property
    def _content(self) -> bytes:
        """The payload that the members' offsets are relative to."""
        content: bytes = self._archive.raw_pkg_data()
        return content

    @cached_property
    def _modules(self) -> list[tuple[int, ModuleTable]]:
        """The offset and table of contents of each archive of modules."""
        archives = [name for member, name in self._entries.items() if member.kind == MODULES]
        found = []
        with self._reading():
            for offset, size, *_ in map(self._archive.toc.get, archives):
                found.append((offset, read_module_table(self._content[offset : offset + size])))
        return found

    def _decompress(self, content: bytes, size: int) -> bytes:
        decompressed = decompress(content, min(size, self._may_inflate))
        self._may_inflate -= len(decompressed)
        return decompressed

    def _inflate(self, content: bytes) -> bytes:
        inflater = zlib.decompressobj()
        # For zlib, 0 means no limit.
        inflated = inflater.decompress(content, max(1, self._may_inflate))
        if not inflater.eof:
            raise PayloadError(
                self._executable,
                "a member is truncated, or inflates to far more than the file's size",
                "don't run it if you downloaded it; a build only compresses the code of modules",
            )
        self._may_inflate -= len(inflated)
        return inflated

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except _READ_ERRORS as error:
            raise PayloadError(self._executable, str(error) or type(error).__name__) from None


def _part(content: bytes, position: int, size: int) -> bytes:
    if position + size > len(content):
        raise ValueError("a module is outside of the blocks")
    return content[position : position + size]
