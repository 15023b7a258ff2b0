"""Removes the build machine's folders from the rpaths of ELF files. `freeze.spec` calls this for all native files."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from release_tools.binaries.native_files import Read, is_relative_rpath, read_native

# An entry of PyInstaller's TOC: name in the bundle, source file, typecode.
Entry = tuple[str, str, str]

NATIVE_KINDS: Final = frozenset({"BINARY", "EXTENSION"})


def cleaned_binaries(binaries: Iterable[Entry], folder: Path, read: Read = read_native) -> list[Entry]:
    """The same table, with a cleaned copy in `folder` of each file that has a foreign rpath."""
    return [_cleaned_entry(entry, folder, read) if entry[2] in NATIVE_KINDS else entry for entry in binaries]


def clean_rpaths(content: bytes, read: Read = read_native) -> bytes:
    """An ELF file's content with only the rpaths relative to the file itself; nothing else moves.

    Returns the content unchanged if it isn't a valid 64-bit ELF file, or shares the whole rpath with another name.
    """
    native = read(content)
    if native is None or native.format != "ELF" or all(map(is_relative_rpath, native.rpaths)):
        return content
    from release_tools.binaries.foreign_rpaths import without_foreign_rpaths  # noqa: PLC0415 - as in `read_native`

    return without_foreign_rpaths(content)


def _cleaned_entry(entry: Entry, folder: Path, read: Read) -> Entry:
    name, source, kind = entry
    content = Path(source).read_bytes()
    cleaned = clean_rpaths(content, read)
    if cleaned == content:
        return entry
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cleaned)
    shutil.copymode(source, path)
    return name, str(path), kind
