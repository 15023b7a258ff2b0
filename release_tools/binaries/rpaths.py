"""Removes the build machine's folders from the rpaths of ELF files. `freeze.spec` calls this for all native files."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from release_tools.binaries.native_files import NativeFile, is_relative_rpath, read_native

# An entry of PyInstaller's TOC: name in the bundle, source file, typecode.
Entry = tuple[str, str, str]

NATIVE_KINDS: Final = frozenset({"BINARY", "EXTENSION"})


def clean_rpaths(content: bytes) -> bytes:
    """An ELF file's content with only the rpaths relative to the file itself; nothing else moves.

    Returns the content unchanged if it isn't a valid 64-bit ELF file, or shares the whole rpath with another name.
    """
    if not has_foreign_rpath(read_native(content)):
        return content
    from release_tools.binaries.foreign_rpaths import without_foreign_rpaths  # noqa: PLC0415 - as in `read_native`

    return without_foreign_rpaths(content)


def has_foreign_rpath(native: NativeFile | None) -> bool:
    """Whether it's an ELF file with an rpath that isn't relative to the file itself."""
    return native is not None and native.format == "ELF" and not all(map(is_relative_rpath, native.rpaths))


def cleaned_content(path: Path) -> bytes | None:
    """The file's content without foreign rpaths, or None if it has none that can be removed."""
    content = path.read_bytes()
    cleaned = clean_rpaths(content)
    return None if cleaned == content else cleaned


# `cleaned_content`, or another that remembers.
Clean = Callable[[Path], bytes | None]


def cleaned_binaries(binaries: Iterable[Entry], folder: Path, clean: Clean = cleaned_content) -> list[Entry]:
    """The same table, with a cleaned copy in `folder` of each file that has a foreign rpath."""
    return [_cleaned_entry(entry, folder, clean) if entry[2] in NATIVE_KINDS else entry for entry in binaries]


def _cleaned_entry(entry: Entry, folder: Path, clean: Clean) -> Entry:
    name, source, kind = entry
    cleaned = clean(Path(source))
    if cleaned is None:
        return entry
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cleaned)
    shutil.copymode(source, path)
    return name, str(path), kind
