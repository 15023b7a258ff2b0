"""Takes the build machine's folders out of ELF files: the run paths that a Python built from source compiles in.

Such a path hides a missing library on the build machine, and on any other it is a folder where somebody may put one.
The bytes are changed in place, as `chrpath` does it: nothing moves, so that the file can still be stripped and loaded,
and the same input always gives the same output. `freeze.spec` calls this for everything native.
"""

import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import lief

from release_tools.binaries.native_files import elf_run_paths, is_own_run_path

# An entry of the table of contents of PyInstaller: name in the bundle, source file, kind.
Entry = tuple[str, str, str]

_NATIVE_KINDS: Final = {"BINARY", "EXTENSION"}
_RUN_PATH_TAGS: Final = (15, 29)  # DT_RPATH and DT_RUNPATH of elf.h
_DYNAMIC_ENTRY: Final = struct.Struct("<QQ")
_ELF_64_BIT_LITTLE_ENDIAN: Final = b"\x7fELF\x02\x01"


def cleaned_binaries(binaries: Iterable[Entry], folder: Path) -> list[Entry]:
    """The same table, with a cleaned copy below `folder` for each file that names a foreign folder."""
    return [_cleaned_entry(entry, folder) if entry[2] in _NATIVE_KINDS else entry for entry in binaries]


def clean_run_paths(content: bytes) -> bytes:
    """An ELF file's content with no run path but those relative to the file itself; all else stays where it was.

    What is no 64-bit ELF file, or a damaged one, or shares the whole run path with other names, comes back as it is.
    """
    try:
        return _clean(content)
    except (ValueError, struct.error):
        return content


def _clean(content: bytes) -> bytes:
    elf = lief.ELF.parse(content) if content.startswith(_ELF_64_BIT_LITTLE_ENDIAN) else None
    if elf is None or all(map(is_own_run_path, elf_run_paths(elf))):
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
        if tag not in _RUN_PATH_TAGS or _clean_text(changed, strings_offset + value, _names(elf))
    ]
    # Without gaps; what becomes free at the end is zero, which is DT_NULL.
    changed[begin:end] = b"".join(_DYNAMIC_ENTRY.pack(*entry) for entry in entries).ljust(end - begin, b"\0")
    return bytes(changed)


def _cleaned_entry(entry: Entry, folder: Path) -> Entry:
    name, source, kind = entry
    content = Path(source).read_bytes()
    cleaned = clean_run_paths(content)
    if cleaned == content:
        return entry
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cleaned)
    shutil.copymode(source, path)
    return name, str(path), kind


def _clean_text(changed: bytearray, start: int, names: frozenset[bytes]) -> bool:
    """Clean the run path at `start`, and say whether anything is left of it.

    Linkers let a name that ends another share its bytes; such a tail stays.
    """
    text = bytes(changed[start : changed.index(b"\0", start)])
    own = b":".join(folder for folder in text.split(b":") if is_own_run_path(folder.decode("utf-8", "replace")))
    tail = max((len(name) for name in names if text.endswith(name)), default=0)
    free = len(text) - tail
    needed = len(own) + 1 if own and tail else len(own)
    if needed > free or any(name.endswith(text) for name in names):
        return True
    changed[start : start + free] = own.ljust(free, b"\0")
    return bool(own)


def _names(elf: lief.ELF.Binary) -> frozenset[bytes]:
    """Every other name that stands in the string table beside the run paths."""
    names = {symbol.name for symbol in elf.dynamic_symbols} | {*elf.libraries}
    for need in elf.symbols_version_requirement:
        names |= {need.name, *(symbol.name for symbol in need.get_auxiliary_symbols())}
    for definition in elf.symbols_version_definition:
        names |= {symbol.name for symbol in definition.auxiliary_symbols}
    soname = elf.get(lief.ELF.DynamicEntry.TAG.SONAME)
    names |= {soname.name} if isinstance(soname, lief.ELF.DynamicSharedObject) else set()
    return frozenset(name.encode() if isinstance(name, str) else name for name in names)
