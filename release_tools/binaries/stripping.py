"""Tells which native files `strip` can shorten without harm. `freeze.spec` calls this for all of them.

Some programs carry data behind their last section: a script, an archive, the bytecode of an interpreter. `strip` drops
it, and the program is broken.
"""

import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import lief

from release_tools.binaries.rpaths import Entry

# `e_machine` in the header of elf.h.
_MACHINE: Final = slice(18, 20)


def is_strippable(content: bytes) -> bool:
    """Whether it's a shared ELF library for this machine with nothing behind its last section; programs aren't."""
    elf = lief.ELF.parse(content) if content[_MACHINE] == _machine_of_python() else None
    return elf is not None and not elf.has_interpreter and not elf.has_overlay


def with_unstrippable_as_data(binaries: Iterable[Entry]) -> list[Entry]:
    """The same table, where the files that can't be stripped are data, which PyInstaller copies as it is."""
    return [
        (name, source, kind if is_strippable(Path(source).read_bytes()) else "DATA") for name, source, kind in binaries
    ]


@cache
def _machine_of_python() -> bytes:
    with Path(sys.executable).open("rb") as file:
        return file.read(_MACHINE.stop)[_MACHINE]
