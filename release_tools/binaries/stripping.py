"""Strips the native files that `strip` can shorten without harm. `freeze.spec` calls this for all.

Some programs carry data behind their last section: a script, an archive, the bytecode of an interpreter. `strip` drops
it, and the program is broken. Others are signed, or check themselves. PyInstaller would start `strip` for each file.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import batched
from pathlib import Path
from typing import Final

from release_tools.binaries.native_files import Read, read_native_file
from release_tools.binaries.rpaths import NATIVE_KINDS, Entry
from release_tools.processes.run import observe

# `e_machine` in the header of elf.h.
_MACHINE: Final = slice(18, 20)

# Programs don't have such names, and reading every library takes long.
_LIBRARY: Final = re.compile(r"\.(so(\.\d+)*|dylib|dll|pyd)$", re.IGNORECASE)

STRIP: Final = "strip"

# The paths of so many files fit into a command.
_FILES_AT_ONCE: Final = 500
_TIMEOUT_SECONDS: Final = 600.0


def is_strippable(path: Path, read: Read = read_native_file) -> bool:
    """Whether it's a shared ELF library for this machine with nothing behind its last section; programs aren't."""
    native = read(path) if _machine_of(path) == _machine_of_python() else None
    return native is not None and native.format == "ELF" and not native.is_program and not native.has_overlay


def with_programs_as_data(binaries: Iterable[Entry], read: Read = read_native_file) -> list[Entry]:
    """The same table, where programs are data: PyInstaller copies them as they are, and they stay executable."""
    return [(name, source, "DATA" if _is_program(name, source, read) else kind) for name, source, kind in binaries]


def strip_copies(sources: Mapping[Path, Path]) -> list[Path]:
    """Write a stripped copy of each value to its key; returns the copies of files that `strip` refuses, as they were.

    They're logged in PyInstaller's words. Raises `MissingToolError`.
    """
    for copy, source in sources.items():
        shutil.copyfile(source, copy)
    refused: list[Path] = []
    for some in batched(sources, _FILES_AT_ONCE, strict=False):
        for copy in () if _strip(some) else some:
            if not _strip([copy]):
                shutil.copyfile(sources[copy], copy)
                refused.append(copy)
                sys.stderr.write(f"WARNING: Failed to run {STRIP} on {copy.name!r}\n")
    return refused


def stripped_binaries(
    binaries: Iterable[Entry],
    folder: Path,
    read: Read = read_native_file,
    strip: Callable[[Mapping[Path, Path]], object] = strip_copies,
) -> list[Entry]:
    """The same table, with a stripped copy in `folder` of each file that can be stripped.

    The others are data, which PyInstaller copies as it is. Raises what `strip` raises.
    """
    entries: list[Entry] = []
    copies: dict[Path, Path] = {}
    for name, source, kind in binaries:
        if kind not in NATIVE_KINDS:
            entries.append((name, source, kind))
        elif is_strippable(Path(source), read) and not has_checksum_beside(Path(source)):
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copies[copy] = Path(source)
            entries.append((name, str(copy), kind))
        else:
            entries.append((name, source, "DATA"))
    strip(copies)
    return entries


def has_checksum_beside(path: Path) -> bool:
    """Whether a file with the checksum of this one is beside it, as Fedora's have them and those of NSS."""
    return path.with_name(f".{path.name}.hmac").is_file() or path.with_suffix(".chk").is_file()


def _strip(paths: Sequence[Path]) -> bool:
    command = [STRIP, *map(str, paths)]
    finished = observe(command, cwd=paths[0].parent, environment=os.environ, timeout_seconds=_TIMEOUT_SECONDS)
    sys.stderr.write(finished.output)
    return finished.code == 0


def _is_program(name: str, source: str, read: Read) -> bool:
    native = None if _LIBRARY.search(name) else read(Path(source))
    return native is not None and native.is_program


@cache
def _machine_of_python() -> bytes:
    return _machine_of(Path(sys.executable))


def _machine_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MACHINE.stop)[_MACHINE]
