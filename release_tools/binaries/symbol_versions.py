"""The versions of glibc and the compiler's runtime that ELF files need, and that old systems have.

Wheels may rely on a system's libstdc++ and libgcc in the versions that go with its glibc (PEP 600). PyInstaller bundles
the build machine's copies, and on a new machine these alone would keep the binary from running on older systems.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.binaries.native_files import NativeFile, Read, read_native_file
from release_tools.binaries.rpaths import Entry

# Without trailing zeros, so that 11.0.0 isn't newer than 11.
Version = tuple[int, ...]

# The C and C++ compiler's runtime libraries, with the names of their symbol versions.
RUNTIME_LIBRARIES: Final = {"libstdc++.so.6": ("GLIBCXX", "CXXABI"), "libgcc_s.so.1": ("GCC",)}

# The symbol versions that systems have from this glibc on: what auditwheel allows in wheels, the lower one of amd64 and
# arm64 (its policy/manylinux-policy.json).
_RUNTIME_OF_GLIBC: Final[tuple[tuple[Version, dict[str, Version]], ...]] = (
    # libgcc for arm64 has 4.7 there at most, but also no version 4.8 that a file for arm64 could need.
    ((2, 17), {"GLIBCXX": (3, 4, 19), "CXXABI": (1, 3, 7), "GCC": (4, 8)}),
    ((2, 27), {"GLIBCXX": (3, 4, 24), "CXXABI": (1, 3, 11), "GCC": (7,)}),
    ((2, 31), {"GLIBCXX": (3, 4, 28), "CXXABI": (1, 3, 12), "GCC": (7,)}),
    ((2, 34), {"GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (7,)}),
    ((2, 35), {"GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13), "GCC": (11,)}),
    ((2, 39), {"GLIBCXX": (3, 4, 33), "CXXABI": (1, 3, 15), "GCC": (14,)}),
)

# Packed relative relocations need this symbol, which glibc has since 2.36 (its NEWS file).
_IMPLIED_VERSIONS: Final = {"GLIBC_ABI_DT_RELR": "GLIBC_2.36"}
_VERSION: Final = re.compile(r"(GLIBC|GLIBCXX|CXXABI|GCC)_(\d+(?:\.\d+)*)")


@dataclass(frozen=True, kw_only=True)
class NewestVersion:
    """The newest version of a library that any file needs, and that file."""

    version: Version
    file: str


def newest_versions(files: Iterable[tuple[str, NativeFile]]) -> dict[str, NewestVersion]:
    """The newest `GLIBC`, `GLIBCXX`, `CXXABI` and `GCC` versions that these files need, by name."""
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


def without_newer_runtime(
    binaries: Iterable[Entry], glibc_floor: str | None, read: Read = read_native_file
) -> list[Entry]:
    """The same table without runtime libraries that need a newer glibc than the floor; all of it without a floor."""
    return [
        entry
        for entry in binaries
        if glibc_floor is None
        or Path(entry[0]).name not in RUNTIME_LIBRARIES
        or not _is_newer(read(Path(entry[1])), as_version(glibc_floor))
    ]


def runtime_versions(glibc_floor: str) -> dict[str, Version]:
    """The `GLIBCXX`, `CXXABI` and `GCC` versions that every system with this glibc, one of `GLIBC_FLOORS`, has."""
    *_, newest = (versions for glibc, versions in _RUNTIME_OF_GLIBC if glibc <= as_version(glibc_floor))
    return newest


def as_version(text: str) -> Version:
    """A dotted version as numbers that compare."""
    return comparable(map(int, text.split(".")))


def comparable(numbers: Iterable[int]) -> Version:
    """The numbers of a version without trailing zeros."""
    version = list(numbers)
    while version and version[-1] == 0:
        version.pop()
    return tuple(version)


def _is_newer(native: NativeFile | None, floor: Version) -> bool:
    newest = newest_versions([("", native)] if native else [])
    return "GLIBC" in newest and newest["GLIBC"].version > floor
