"""Compresses what the frozen program reads itself, with Zstandard: small, and quick to read at every start.

Nothing compresses it again: the release archive can't make it smaller. Python has the same module from 3.14 on.
"""

import functools
import sys
from pathlib import Path
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd

    _PARENT: Final = ""
else:
    from backports import zstd

    _PARENT: Final = f"{zstd.__name__}."

# The highest that needs no more memory than usual: files of a bundle become 1 % smaller with the ones above it.
BEST_LEVEL: Final = 19
# For what nobody downloads.
FASTEST_LEVEL: Final = 1

# What another version writes may differ.
VERSION: Final = f"zstd {zstd.zstd_version}"


def compress(content: bytes, level: int = BEST_LEVEL) -> bytes:
    """The content as one frame, which tells its size."""
    compressed: bytes = zstd.compress(content, level=level)
    return compressed


def decompress(content: bytes, most: int) -> bytes:
    """The content of one frame, of at most so many bytes. Raises `ValueError` for anything else."""
    decompressor = zstd.ZstdDecompressor()
    try:
        found: bytes = decompressor.decompress(content, max(1, most))
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from None
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("compressed data is truncated, or larger than it may be")
    return found


@functools.cache
def zstd_module() -> Path:
    """The extension module that decompresses it; the frozen program has a copy of its own."""
    return Path(sys.modules[f"{_PARENT}_zstd"].__file__ or "")
