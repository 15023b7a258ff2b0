"""The runtime libraries of the C and C++ compiler on Linux: in the bundle, or left to the system.

Wheels may count on them being there, in the versions that systems of a certain glibc have (PEP 600). PyInstaller
bundles the build machine's copy, and on a new machine that copy alone would keep the binary from every older system.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from release_tools.binaries.elf_paths import Entry
from release_tools.binaries.native_files import NativeFile, read_native
from release_tools.binaries.symbol_versions import Version, as_version, newest_versions

# With what their symbol versions are called.
RUNTIME_LIBRARIES: Final = {"libstdc++.so.6": ("GLIBCXX", "CXXABI"), "libgcc_s.so.1": ("GCC",)}

# From which glibc on a system's runtime has these symbol versions: what auditwheel lets a wheel ask for, the lower
# one of amd64 and arm64 (its policy/manylinux-policy.json).
_RUNTIME_OF_GLIBC: Final[tuple[tuple[Version, dict[str, Version]], ...]] = (
    # The libgcc of arm64 ends with 4.7 there and has no version 4.8, so that no file for arm64 can ask for it.
    ((2, 17), {"GLIBCXX": (3, 4, 19), "CXXABI": (1, 3, 7), "GCC": (4, 8)}),
    ((2, 27), {"GLIBCXX": (3, 4, 24), "CXXABI": (1, 3, 11), "GCC": (7,)}),
    ((2, 31), {"GLIBCXX": (3, 4, 28), "CXXABI": (1, 3, 12), "GCC": (7,)}),
    ((2, 34), {"GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (7,)}),
    ((2, 35), {"GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13), "GCC": (11,)}),
    ((2, 39), {"GLIBCXX": (3, 4, 33), "CXXABI": (1, 3, 15), "GCC": (14,)}),
)


def without_newer_runtime(binaries: Iterable[Entry], glibc_floor: str | None) -> list[Entry]:
    """The same table without the runtime libraries that need a newer glibc than the floor; all where none is set."""
    return [
        entry
        for entry in binaries
        if glibc_floor is None
        or Path(entry[0]).name not in RUNTIME_LIBRARIES
        or not _is_newer(read_native(Path(entry[1]).read_bytes()), as_version(glibc_floor))
    ]


def runtime_versions(glibc_floor: str) -> dict[str, Version]:
    """The newest `GLIBCXX`, `CXXABI` and `GCC` that every system with this glibc has, one of `GLIBC_FLOORS`."""
    *_, newest = (versions for glibc, versions in _RUNTIME_OF_GLIBC if glibc <= as_version(glibc_floor))
    return newest


def _is_newer(native: NativeFile | None, floor: Version) -> bool:
    newest = newest_versions([("", native)] if native else [])
    return "GLIBC" in newest and newest["GLIBC"].version > floor
