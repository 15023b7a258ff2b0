"""Reads the modules of the bundle, which are compressed together in blocks rather than one by one.

See `freeze/module_blocks.py`, which writes them. PyInstaller's finders and loaders use this reader instead of theirs.
"""

import marshal
import sys
import zlib
from typing import Any

from . import payload

# Where a PYZ archive has room for a number of ours.
BLOCKS_AT = 12
# In bytes. A block is used for many modules in a row, but they import others meanwhile.
MOST_RECENT = 24 << 20

NAMESPACE_PACKAGE = 3


def install() -> None:
    """Replace the reader of the running program's archive of modules."""
    importers: Any = sys.modules.get("pyimod02_importers")
    if importers is not None:
        archive = importers.pyz_archive
        archive.extract = CompressedModules(archive.toc, archive._start_offset).extract  # noqa: SLF001


class CompressedModules:
    """An archive of modules.

    Its table has, for each module, the kind, and the position and size of its code: in the archive for one that is
    compressed alone; for others, the complement of the position in the decompressed blocks.
    """

    def __init__(self, table: dict[str, tuple[int, int, int]], start: int) -> None:
        self.toc = table
        self.start = start
        # Where each begins in the decompressed blocks, and its position and size in the archive.
        position = int.from_bytes(payload.read(start + BLOCKS_AT, 4))
        self.blocks: list[tuple[int, int, int]] = []
        if position:
            size = int.from_bytes(payload.read(start + position, 4))
            self.blocks = marshal.loads(payload.read(start + position + 4, size))  # noqa: S302 - ours
        self.recent: dict[int, bytes] = {}

    def extract(self, name: str, raw: bool = False) -> Any:
        """The code of a module, marshalled if `raw`; None for a namespace package.

        Raises `KeyError` for a module that isn't bundled. Ends the program if the executable can't be read any more.
        """
        kind, position, size = self.toc[name]
        if kind == NAMESPACE_PACKAGE:
            return None
        try:
            if position >= 0:
                content = zlib.decompress(payload.read(self.start + position, size))
            else:
                content = self.read(~position, size)
        except OSError as error:
            raise SystemExit(f"error: can't read {error.filename or sys.executable}: {error.strerror}") from None
        return content if raw else marshal.loads(content)  # noqa: S302 - ours

    def read(self, position: int, size: int) -> bytes:
        """Part of the decompressed blocks."""
        number = len(self.blocks) - 1
        while self.blocks[number][0] > position:
            number -= 1
        begin = position - self.blocks[number][0]
        content = self.block(number)[begin : begin + size]
        return content if len(content) == size else content + self.read(position + len(content), size - len(content))

    def block(self, number: int) -> bytes:
        """A decompressed block."""
        # Other threads may do the same meanwhile. The last is the one that was used last.
        content = self.recent.pop(number, None)
        if content is None:
            _, position, size = self.blocks[number]
            content = b"".join(payload.chunks(self.start + position, size, is_compressed=True))
            while self.recent and len(content) + sum(map(len, [*self.recent.values()])) > MOST_RECENT:
                self.recent.pop(next(iter([*self.recent]), -1), None)
        self.recent[number] = content
        return content
