"""Tells which native files `strip` can shorten without harm, and which are programs. `freeze.spec` calls this for all.

Some programs carry data behind their last section: a script, an archive, the bytecode of an interpreter. `strip` drops
it, and the program is broken. Others are signed, or check themselves.
"""

import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import lief

from release_tools.binaries.native_files import is_elf_program, read_native
from release_tools.binaries.rpaths import Entry

# `e_machine` in the header of elf.h.
_MACHINE: Final = slice(18, 20)

# Programs don't have such names, and reading every library takes long.
_LIBRARY: Final = re.compile(r"\.(so(\.\d+)*|dylib|dll|pyd)$", re.IGNORECASE)


def is_strippable(content: bytes) -> bool:
    """Whether it's a shared ELF library for this machine with nothing behind its last section; programs aren't."""
    elf = lief.ELF.parse(content) if content[_MACHINE] == _machine_of_python() else None
    return elf is not None and not is_elf_program(elf) and not elf.has_overlay


def with_programs_as_data(binaries: Iterable[Entry]) -> list[Entry]:
    """The same table, where programs are data: PyInstaller copies them as they are, and they stay executable."""
    return [(name, source, "DATA" if _is_program(name, source) else kind) for name, source, kind in binaries]


def with_unstrippable_as_data(binaries: Iterable[Entry]) -> list[Entry]:
    """The same table, where the files that can't be stripped are data, which PyInstaller copies as it is."""
    return [
        (name, source, kind if is_strippable(Path(source).read_bytes()) else "DATA") for name, source, kind in binaries
    ]


def _is_program(name: str, source: str) -> bool:
    native = None if _LIBRARY.search(name) else read_native(Path(source).read_bytes())
    return native is not None and native.is_program


@cache
def _machine_of_python() -> bytes:
    with Path(sys.executable).open("rb") as file:
        return file.read(_MACHINE.stop)[_MACHINE]
