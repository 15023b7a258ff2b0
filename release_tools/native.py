"""What the bytes of an executable say: its format and the machines it runs on. Reads ELF, Mach-O and PE on any host."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lief

from release_tools.platforms import Architecture, BinaryFormat

_ELF_MACHINES: Final[dict[lief.ELF.ARCH, Architecture]] = {
    lief.ELF.ARCH.X86_64: "amd64",
    lief.ELF.ARCH.AARCH64: "arm64",
}
_PE_MACHINES: Final[dict[lief.PE.Header.MACHINE_TYPES, Architecture]] = {
    lief.PE.Header.MACHINE_TYPES.AMD64: "amd64",
    lief.PE.Header.MACHINE_TYPES.ARM64: "arm64",
}
_MACHO_MACHINES: Final[dict[lief.MachO.Header.CPU_TYPE, Architecture]] = {
    lief.MachO.Header.CPU_TYPE.X86_64: "amd64",
    lief.MachO.Header.CPU_TYPE.ARM64: "arm64",
}


@dataclass(frozen=True, kw_only=True)
class NativeFile:
    """A native file's format, and its machines: our name where it has one, else what the format calls it."""

    format: BinaryFormat
    machines: tuple[str, ...]


def read_native_file(path: Path) -> NativeFile | None:
    """What `path` is, or None where it is no ELF, Mach-O or PE file."""
    if lief.is_elf(str(path)):
        elf = lief.ELF.parse(str(path))
        if elf is not None:
            machine = elf.header.machine_type
            return NativeFile(format="ELF", machines=(_ELF_MACHINES.get(machine, machine.name),))
    elif lief.is_pe(str(path)):
        pe = lief.PE.parse(str(path))
        if pe is not None:
            kind = pe.header.machine
            return NativeFile(format="PE", machines=(_PE_MACHINES.get(kind, kind.name),))
    elif lief.is_macho(str(path)):
        fat = lief.MachO.parse(str(path))
        if fat is not None:
            kinds = [binary.header.cpu_type for binary in fat]
            return NativeFile(format="MACHO", machines=tuple(_MACHO_MACHINES.get(kind, kind.name) for kind in kinds))
    return None
