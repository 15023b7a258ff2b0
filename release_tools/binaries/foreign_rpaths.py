"""Removes folders of the build machine from an ELF file.

A Python built from source has them. Such an rpath hides a missing library on the build machine, and is a folder where
anyone may put one on any other. The bytes are changed in place, as `chrpath` does: nothing moves, the file can still be
stripped and loaded, and the same input gives the same output.
"""

import struct
from typing import Final

from release_tools.binaries.native_files import is_relative_rpath
from release_tools.binaries.quiet_lief import lief

_RPATH_TAGS: Final = (15, 29)  # DT_RPATH and DT_RUNPATH of elf.h
_DYNAMIC_ENTRY: Final = struct.Struct("<QQ")
_ELF_64_BIT_LITTLE_ENDIAN: Final = b"\x7fELF\x02\x01"


def without_foreign_rpaths(content: bytes) -> bytes:
    """An ELF file's content with only the rpaths relative to the file itself.

    Returns the content unchanged if it isn't a valid 64-bit ELF file, or shares the whole rpath with another name.
    """
    try:
        return _cleaned(content)
    except (ValueError, struct.error):
        return content


def _cleaned(content: bytes) -> bytes:
    elf = lief.ELF.parse(content) if content.startswith(_ELF_64_BIT_LITTLE_ENDIAN) else None
    if elf is None:
        return content
    strings = elf.get(lief.ELF.DynamicEntry.TAG.STRTAB)
    dynamic = elf.get(lief.ELF.Segment.TYPE.DYNAMIC)
    strings_offset = elf.virtual_address_to_offset(strings.value) if strings else None
    if dynamic is None or not isinstance(strings_offset, int):
        return content
    changed = bytearray(content)
    begin, end = dynamic.file_offset, dynamic.file_offset + dynamic.physical_size
    entries = [
        (tag, value)
        for tag, value in _DYNAMIC_ENTRY.iter_unpack(content[begin:end])
        if tag not in _RPATH_TAGS or _clean_text(changed, strings_offset + value, _names(elf))
    ]
    # Without gaps; zeros at the end are DT_NULL entries.
    changed[begin:end] = b"".join(_DYNAMIC_ENTRY.pack(*entry) for entry in entries).ljust(end - begin, b"\0")
    return bytes(changed)


def _clean_text(changed: bytearray, start: int, names: frozenset[bytes]) -> bool:
    """Clean the rpath at `start` in place, and return whether anything is left of it.

    Linkers store a name that is the end of another only once; such a tail stays.
    """
    text = bytes(changed[start : changed.index(b"\0", start)])
    own = b":".join(folder for folder in text.split(b":") if is_relative_rpath(folder.decode("utf-8", "replace")))
    tail = max((len(name) for name in names if text.endswith(name)), default=0)
    free = len(text) - tail
    needed = len(own) + 1 if own and tail else len(own)
    if needed > free or any(name.endswith(text) for name in names):
        return True
    changed[start : start + free] = own.ljust(free, b"\0")
    return bool(own)


def _names(elf: lief.ELF.Binary) -> frozenset[bytes]:
    """Every name in the string table except the rpaths."""
    names = {symbol.name for symbol in elf.dynamic_symbols} | {*elf.libraries}
    for need in elf.symbols_version_requirement:
        names |= {need.name, *(symbol.name for symbol in need.get_auxiliary_symbols())}
    for definition in elf.symbols_version_definition:
        names |= {symbol.name for symbol in definition.auxiliary_symbols}
    soname = elf.get(lief.ELF.DynamicEntry.TAG.SONAME)
    names |= {soname.name} if isinstance(soname, lief.ELF.DynamicSharedObject) else set()
    return frozenset(name.encode() if isinstance(name, str) else name for name in names)
