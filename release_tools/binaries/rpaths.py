"""Removes the build machine's folders from the rpaths of ELF files.

A Python built from source has them. Such an rpath hides a missing library on the build machine, and is a folder where
anyone may put one on any other. The bytes are changed in place, as `chrpath` does: nothing moves, the file can still be
stripped and loaded, and the same input gives the same output. `freeze.spec` calls this for all native files.
"""

import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import lief

from release_tools.binaries.native_files import elf_rpaths, is_relative_rpath

# An entry of PyInstaller's TOC: name in the bundle, source file, typecode.
Entry = tuple[str, str, str]

NATIVE_KINDS: Final = frozenset({"BINARY", "EXTENSION"})
_RPATH_TAGS: Final = (15, 29)  # DT_RPATH and DT_RUNPATH of elf.h
_DYNAMIC_ENTRY: Final = struct.Struct("<QQ")
_ELF_64_BIT_LITTLE_ENDIAN: Final = b"\x7fELF\x02\x01"


def cleaned_binaries(binaries: Iterable[Entry], folder: Path) -> list[Entry]:
    """The same table, with a cleaned copy in `folder` of each file that has a foreign rpath."""
    return [_cleaned_entry(entry, folder) if entry[2] in NATIVE_KINDS else entry for entry in binaries]


def clean_rpaths(content: bytes) -> bytes:
    """An ELF file's content with only the rpaths relative to the file itself; nothing else moves.

    Returns the content unchanged if it isn't a valid 64-bit ELF file, or shares the whole rpath with another name.
    """
    try:
        return _clean(content)
    except (ValueError, struct.error):
        return content


def _clean(content: bytes) -> bytes:
    elf = lief.ELF.parse(content) if content.startswith(_ELF_64_BIT_LITTLE_ENDIAN) else None
    if elf is None or all(map(is_relative_rpath, elf_rpaths(elf))):
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


def _cleaned_entry(entry: Entry, folder: Path) -> Entry:
    name, source, kind = entry
    content = Path(source).read_bytes()
    cleaned = clean_rpaths(content)
    if cleaned == content:
        return entry
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cleaned)
    shutil.copymode(source, path)
    return name, str(path), kind


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
