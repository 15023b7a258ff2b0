"""Reads ELF, Mach-O and PE files on any host: architecture, needed libraries, oldest system."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.platforms import BinaryFormat

_MACHO_MAGICS: Final = {
    *(bytes.fromhex(magic) for magic in ("cefaedfe", "cffaedfe", "feedface", "feedfacf", "cafebabe", "cafebabf"))
}

_MAGIC_BYTES: Final = 4


@dataclass(frozen=True, kw_only=True)
class NativeFile:
    """A native file's format, architectures (our names, or else the format's), and what it needs to load.

    It doesn't load without its `libraries`, which it searches for in its `rpaths` (not PE). Only ELF files have
    `symbol_versions`, such as `GLIBC_2.28`, `has_executable_stack`, `misaligned_segments`, and `has_overlay` if
    something is behind the last section. A Mach-O file has one of `macos_minimums`, such as `(11, 0, 0)`, for each of
    its `machines`; `signed_machines` have a signature of any kind.
    """

    format: BinaryFormat
    machines: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    symbol_versions: tuple[str, ...] = ()
    rpaths: tuple[str, ...] = ()
    macos_minimums: tuple[tuple[int, ...], ...] = ()
    signed_machines: tuple[str, ...] = ()
    has_executable_stack: bool = False
    misaligned_segments: tuple[int, ...] = ()
    is_packed: bool = False
    is_program: bool = False
    has_overlay: bool = False

    def macos_minimum(self, machine: str) -> tuple[int, ...]:
        """The oldest macOS for this architecture; empty if the file has none."""
        return dict(zip(self.machines, self.macos_minimums, strict=False)).get(machine, ())


def read_native(content: bytes) -> NativeFile | None:
    """The native file with this content, or None if it isn't a valid ELF, Mach-O or PE file."""
    if format_of(content) is None:
        return None
    # lief takes about half a second to import, and a freeze that remembers all files does without it.
    from release_tools.binaries.native_parser import parse_native  # noqa: PLC0415

    return parse_native(content)


def format_of(content: bytes) -> BinaryFormat | None:
    """The native format that the first bytes announce; the rest may still be damaged."""
    if content.startswith(b"\x7fELF"):
        return "ELF"
    if content.startswith(b"MZ"):
        return "PE"
    return "MACHO" if content[:4] in _MACHO_MAGICS else None


def read_native_file(path: Path) -> NativeFile | None:
    """The native file on disk, or None as for `read_native`."""
    return read_native(path.read_bytes())


# `read_native_file`, or another that remembers what it has read.
Read = Callable[[Path], NativeFile | None]


def format_of_file(path: Path) -> BinaryFormat | None:
    """The native format of a file on disk, by its first bytes."""
    with path.open("rb") as file:
        return format_of(file.read(_MAGIC_BYTES))


def is_relative_rpath(folder: str) -> bool:
    """Whether an ELF rpath is relative to the file itself."""
    return folder.startswith(("$ORIGIN", "${ORIGIN}"))
