"""The table of an archive of modules, as PyInstaller puts it into an executable, read without trusting it.

PyInstaller reads it with `marshal`, which takes the memory for whatever number of items a file claims to have.
"""

import struct
from typing import Final

# What PyInstaller/archive/writers.py writes: these bytes, four of Python's, the table's offset, four unused ones; then
# the modules; and last `marshal.dumps([(name, (kind, offset, size)), …])`.
_HEADER: Final = struct.Struct("!4s4xi")
_MAGIC: Final = b"PYZ\0"

# From Python/marshal.c: how the few types begin that a table is made of, and the bit of what is referred to later.
_REFERRED_TO: Final = 0x80
_LIST, _TUPLE, _SMALL_TUPLE, _INT, _REFERENCE = b"[()ir"
_SHORT_TEXTS: Final = frozenset(b"zZ")
_TEXTS: Final = frozenset(b"aAut")
# A list of pairs, which end in a tuple.
_DEEPEST: Final = 3

ModuleTable = dict[str, tuple[int, int, int]]


def read_module_table(archive: bytes) -> ModuleTable:
    """For each module, by its dotted name: its kind, and the offset and the size in bytes of its compressed code.

    Raises `ValueError` or `struct.error` for anything that PyInstaller would not have written.
    """
    magic, start = _HEADER.unpack_from(archive)
    if magic != _MAGIC or not 0 <= start <= len(archive):
        raise ValueError("its archive of modules has no table")
    table: ModuleTable = {}
    entries = _Reader(archive[start:]).read_value(_DEEPEST)
    for entry in entries if isinstance(entries, list) else [None]:
        match entry:
            case (str(name), (int(kind), int(offset), int(size))) if min(offset, size) >= 0:
                table[name] = (kind, offset, size)
            case _:
                raise ValueError("the table of its modules is damaged")
    if sum(size for _, _, size in table.values()) > len(archive):
        raise ValueError("its modules are larger than the archive that holds them")
    return table


class _Reader:
    """Reads lists, tuples, texts and numbers, none of which takes more memory than its bytes call for."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0
        self._referred_to: list[object] = []

    def read_value(self, depth: int) -> object:
        """The next value, which may hold others down to this depth."""
        code = self._take(1)[0]
        if not code & _REFERRED_TO:
            return self._read(code, depth)
        # Numbered in the order in which they begin.
        number = len(self._referred_to)
        self._referred_to.append(None)
        value = self._referred_to[number] = self._read(code & ~_REFERRED_TO, depth)
        return value

    def _read(self, code: int, depth: int) -> object:
        if code == _INT:
            return self._read_number()
        if code == _REFERENCE:
            return self._referred(self._read_number())
        if code in _SHORT_TEXTS:
            return self._read_text(self._take(1)[0])
        if code in _TEXTS:
            return self._read_text(self._read_number())
        if code == _LIST and depth:
            return self._read_items(self._read_number(), depth)
        if code in {_TUPLE, _SMALL_TUPLE} and depth:
            count = self._take(1)[0] if code == _SMALL_TUPLE else self._read_number()
            return tuple(self._read_items(count, depth))
        raise ValueError("the table of its modules holds what no table does")

    def _referred(self, number: int) -> object:
        if not 0 <= number < len(self._referred_to):
            raise ValueError("the table of its modules refers to nothing")
        return self._referred_to[number]

    def _read_items(self, count: int, depth: int) -> list[object]:
        # One at a time, so that a count that is too high ends where the bytes do.
        return [self.read_value(depth - 1) for _ in range(count)]

    def _read_text(self, length: int) -> str:
        return self._take(length).decode("utf-8", "surrogatepass")

    def _read_number(self) -> int:
        (number,) = struct.unpack("<i", self._take(4))
        return int(number)

    def _take(self, count: int) -> bytes:
        taken = self._content[self._at : self._at + count]
        if count < 0 or len(taken) != count:
            raise ValueError("the table of its modules is cut off")
        self._at += count
        return taken
