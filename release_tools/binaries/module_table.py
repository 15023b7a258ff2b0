"""Reads the table of contents of a PYZ archive, PyInstaller's archive of modules, without trusting it.

PyInstaller reads it with `marshal`, which allocates memory for as many items as the file claims to have.
"""

import struct
from dataclasses import dataclass
from typing import Final

# As `freeze/module_blocks.py` writes it, after PyInstaller/archive/writers.py: the magic, four bytes of Python's, the
# offset of the table, and of the list of blocks, or 0; then modules, blocks and their list, with its size before it;
# then `marshal.dumps([(name, (typecode, offset, size)), …])`. The offset of a module in a block is the complement of
# that in all decompressed blocks.
_HEADER: Final = struct.Struct("!4s4xiI")
_SIZE: Final = struct.Struct("!I")
# The most bytes that a block decompresses to.
LARGEST_BLOCK: Final = 16 << 20
_MAGIC: Final = b"PYZ\0"

# The type codes of Python/marshal.c that a table uses, and the flag of an object that is referenced later.
_FLAG_REF: Final = 0x80
_LIST, _TUPLE, _SMALL_TUPLE, _INT, _REFERENCE = b"[()ir"
_SHORT_TEXTS: Final = frozenset(b"zZ")
_TEXTS: Final = frozenset(b"aAut")
# A list of pairs of a name and a tuple.
_DEEPEST: Final = 3


@dataclass(frozen=True, kw_only=True)
class ModuleTable:
    """The typecode, offset and size in bytes of each module's code, by dotted name.

    A negative offset is that of a module in the decompressed `blocks`: these have the offset there, and the offset and
    size in the archive.
    """

    modules: dict[str, tuple[int, int, int]]
    blocks: tuple[tuple[int, int, int], ...]


def read_module_table(archive: bytes) -> ModuleTable:
    """The table of contents of an archive.

    Raises `ValueError` or `struct.error` for anything that the freeze wouldn't write.
    """
    magic, start, blocks_start = _HEADER.unpack_from(archive)
    if magic != _MAGIC or not 0 <= start <= len(archive):
        raise ValueError("the PYZ archive has no table of contents")
    table: dict[str, tuple[int, int, int]] = {}
    entries = _Reader(archive[start:]).read_value(_DEEPEST)
    for entry in entries if isinstance(entries, list) else [None]:
        match entry:
            case (str(name), (int(kind), int(offset), int(size))) if size >= 0:
                table[name] = (kind, offset, size)
            case _:
                raise ValueError("the PYZ archive's table of contents is damaged")
    blocks = _read_blocks(archive, blocks_start) if blocks_start else ()
    alone = sum(size for _, offset, size in table.values() if offset >= 0)
    if alone + sum(size for *_, size in blocks) > len(archive):
        raise ValueError("its modules are larger than the PYZ archive")
    if sum(size for _, offset, size in table.values() if offset < 0) > len(blocks) * LARGEST_BLOCK:
        raise ValueError("its modules are larger than the blocks of the PYZ archive")
    return ModuleTable(modules=table, blocks=blocks)


def _read_blocks(archive: bytes, start: int) -> tuple[tuple[int, int, int], ...]:
    (size,) = _SIZE.unpack_from(archive, start)
    listed = _Reader(archive[start + _SIZE.size :][:size]).read_value(_DEEPEST)
    blocks = []
    for entry in listed if isinstance(listed, list) else [None]:
        match entry:
            case (int(begin), int(offset), int(length)) if min(begin, offset, length) >= 0:
                blocks.append((begin, offset, length))
            case _:
                raise ValueError("the PYZ archive's list of blocks is damaged")
    return tuple(blocks)


class _Reader:
    """Reads lists, tuples, strings and numbers, in memory proportional to the bytes read."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0
        self._references: list[object] = []

    def read_value(self, depth: int) -> object:
        """The next value, with nested values down to this depth."""
        code = self._take(1)[0]
        if not code & _FLAG_REF:
            return self._read(code, depth)
        # References are numbered in the order in which the objects start.
        number = len(self._references)
        self._references.append(None)
        value = self._references[number] = self._read(code & ~_FLAG_REF, depth)
        return value

    def _read(self, code: int, depth: int) -> object:
        if code == _INT:
            return self._read_number()
        if code == _REFERENCE:
            return self._reference(self._read_number())
        if code in _SHORT_TEXTS:
            return self._read_text(self._take(1)[0])
        if code in _TEXTS:
            return self._read_text(self._read_number())
        if code == _LIST and depth:
            return self._read_items(self._read_number(), depth)
        if code in {_TUPLE, _SMALL_TUPLE} and depth:
            count = self._take(1)[0] if code == _SMALL_TUPLE else self._read_number()
            return tuple(self._read_items(count, depth))
        raise ValueError("the PYZ archive's table of contents has an unexpected type")

    def _reference(self, number: int) -> object:
        if not 0 <= number < len(self._references):
            raise ValueError("the PYZ archive's table of contents has a dangling reference")
        return self._references[number]

    def _read_items(self, count: int, depth: int) -> list[object]:
        # One at a time, so that a count that is too high fails at the end of the bytes.
        return [self.read_value(depth - 1) for _ in range(count)]

    def _read_text(self, length: int) -> str:
        return self._take(length).decode("utf-8", "surrogatepass")

    def _read_number(self) -> int:
        (number,) = struct.unpack("<i", self._take(4))
        return int(number)

    def _take(self, count: int) -> bytes:
        taken = self._content[self._at : self._at + count]
        if count < 0 or len(taken) != count:
            raise ValueError("the PYZ archive's table of contents is truncated")
        self._at += count
        return taken
