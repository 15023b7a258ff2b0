"""Which versions of the system's libraries ELF files ask for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from release_tools.binaries.native_files import NativeFile

# Without zeros at the end, so that 11.0.0 is no newer than 11.
Version = tuple[int, ...]

# A file with packed relative relocations asks for this symbol, which glibc has since 2.36 (its NEWS file).
_IMPLIED_VERSIONS: Final = {"GLIBC_ABI_DT_RELR": "GLIBC_2.36"}
_VERSION: Final = re.compile(r"(GLIBC|GLIBCXX|CXXABI|GCC)_(\d+(?:\.\d+)*)")


@dataclass(frozen=True, kw_only=True)
class NewestVersion:
    """The newest version of one library that any file asks for, and the file."""

    version: Version
    file: str


def newest_versions(files: Iterable[tuple[str, NativeFile]]) -> dict[str, NewestVersion]:
    """For `GLIBC`, `GLIBCXX`, `CXXABI` and `GCC`, as far as any of the named files asks for it."""
    newest: dict[str, NewestVersion] = {}
    for file, native in files:
        for symbol in native.symbol_versions:
            found = _VERSION.fullmatch(_IMPLIED_VERSIONS.get(symbol, symbol))
            if found is None:
                continue
            library, version = found[1], as_version(found[2])
            if library not in newest or version > newest[library].version:
                newest[library] = NewestVersion(version=version, file=file)
    return newest


def as_version(text: str) -> Version:
    """A dotted version as numbers that compare."""
    return comparable(map(int, text.split(".")))


def comparable(numbers: Iterable[int]) -> Version:
    """The numbers of a version without the zeros at their end."""
    version = list(numbers)
    while version and version[-1] == 0:
        version.pop()
    return tuple(version)
