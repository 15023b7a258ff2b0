"""Parses the headers of ELF, Mach-O and PE files with lief, for `native_files`."""

import contextlib
import warnings
from collections.abc import Iterable
from typing import Final

from release_tools.binaries.native_files import NativeFile, format_of
from release_tools.binaries.quiet_lief import lief
from release_tools.platforms import Architecture

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

# UPX puts its header next to the file's own headers, and once more at the end of an ELF file
# (UPX's src/stub/src/include/linux.h and src/packhead.cpp); anywhere else the marker is ordinary text.
_UPX_MARKER: Final = b"UPX!"
_UPX_REACH: Final = 4096


def parse_native(content: bytes) -> NativeFile | None:
    """The native file with this content, or None if lief can't read it."""
    # lief raises ValueError for a name that can't be decoded.
    with warnings.catch_warnings(), contextlib.suppress(ValueError):
        # lief warns about every constant that is newer than itself.
        warnings.simplefilter("ignore", RuntimeWarning)
        match format_of(content):
            case "ELF":
                return _parse_elf(content)
            case "PE":
                return _parse_pe(content)
            case "MACHO":
                return _parse_macho(content)
            case None:
                return None
    return None


def _parse_elf(content: bytes) -> NativeFile | None:
    config = lief.ELF.ParserConfig()
    config.parse_relocations = config.parse_dyn_symbols = config.parse_symtab_symbols = config.parse_notes = False
    elf = lief.ELF.parse(content, config)
    if elf is None:
        return None
    wanted = (symbol.name for need in elf.symbols_version_requirement for symbol in need.get_auxiliary_symbols())
    return NativeFile(
        format="ELF",
        machines=(_machine(_ELF_MACHINES.get(elf.header.machine_type), elf.header.machine_type),),
        libraries=_texts(elf.libraries),
        symbol_versions=_texts(dict.fromkeys(wanted)),
        rpaths=_elf_rpaths(elf),
        has_executable_stack=_has_executable_stack(elf),
        misaligned_segments=_misaligned_segments(elf),
        is_packed=_is_packed(content),
        is_program=_is_elf_program(elf),
        has_overlay=elf.has_overlay,
    )


def _is_elf_program(elf: lief.ELF.Binary) -> bool:
    """Whether it's started rather than loaded; a statically linked program has no interpreter to tell by."""
    flags = elf.get(lief.ELF.DynamicEntry.TAG.FLAGS_1)
    is_static_pie = isinstance(flags, lief.ELF.DynamicEntryFlags) and flags.has(lief.ELF.DynamicEntryFlags.FLAG.PIE)
    return elf.header.file_type == lief.ELF.Header.FILE_TYPE.EXEC or elf.has_interpreter or is_static_pie


def _elf_rpaths(elf: lief.ELF.Binary) -> tuple[str, ...]:
    """The folders in RPATH and RUNPATH; an empty one is the current folder."""
    texts = (
        entry.rpath if isinstance(entry, lief.ELF.DynamicEntryRpath) else entry.runpath
        for entry in elf.dynamic_entries
        if isinstance(entry, lief.ELF.DynamicEntryRpath | lief.ELF.DynamicEntryRunPath)
    )
    return tuple(folder for text in _texts(texts) for folder in text.split(":"))


def _has_executable_stack(elf: lief.ELF.Binary) -> bool:
    # Without this header, glibc's default is an executable stack (elf/dl-load.c).
    stacks = [segment for segment in elf.segments if segment.type == lief.ELF.Segment.TYPE.GNU_STACK]
    return not stacks or any(segment.has(lief.ELF.Segment.FLAGS.X) for segment in stacks)


def _misaligned_segments(elf: lief.ELF.Binary) -> tuple[int, ...]:
    """The addresses of segments that glibc refuses to map: address and file offset must be congruent (elf(5))."""
    return tuple(
        segment.virtual_address
        for segment in elf.segments
        if segment.type == lief.ELF.Segment.TYPE.LOAD
        and (segment.virtual_address - segment.file_offset) % max(segment.alignment, 1) != 0
    )


def _parse_pe(content: bytes) -> NativeFile | None:
    config = lief.PE.ParserConfig()
    config.parse_exports = config.parse_reloc = config.parse_rsrc = config.parse_signature = False
    pe = lief.PE.parse(content, config)
    if pe is None:
        return None
    return NativeFile(
        format="PE",
        machines=(_machine(_PE_MACHINES.get(pe.header.machine), pe.header.machine),),
        libraries=_texts(library.name for library in pe.imports),
        is_packed=_is_packed(content),
        is_program=not pe.header.has_characteristic(lief.PE.Header.CHARACTERISTICS.DLL),
    )


def _parse_macho(content: bytes) -> NativeFile | None:
    fat = lief.MachO.parse(content, lief.MachO.ParserConfig.quick)
    if fat is None or fat.size == 0:
        return None
    slices = list(fat)
    needed = {
        command.name
        for one in slices
        for command in one.libraries
        # Not its own name, nor optional libraries.
        if command.command not in {lief.MachO.LoadCommand.TYPE.ID_DYLIB, lief.MachO.LoadCommand.TYPE.LOAD_WEAK_DYLIB}
    }
    machines = tuple(_machine(_MACHO_MACHINES.get(kind), kind) for kind in (one.header.cpu_type for one in slices))
    return NativeFile(
        format="MACHO",
        machines=machines,
        signed_machines=tuple(machine for machine, one in zip(machines, slices, strict=True) if one.has_code_signature),
        libraries=_texts(sorted(needed, key=str)),
        rpaths=_texts(dict.fromkeys(command.path for one in slices for command in one.rpaths)),
        macos_minimums=tuple(map(_macos_minimum, slices)),
        is_packed=_is_packed(content),
        is_program=any(one.header.file_type == lief.MachO.Header.FILE_TYPE.EXECUTE for one in slices),
    )


def _macos_minimum(macho: lief.MachO.Binary) -> tuple[int, ...]:
    if macho.build_version is not None:
        return tuple(macho.build_version.minos)
    return tuple(macho.version_min.version) if macho.version_min is not None else ()


def _machine(name: Architecture | None, kind: object) -> str:
    # A plain number if lief has no name for it either.
    return name or str(getattr(kind, "name", f"machine {kind}"))


def _is_packed(content: bytes) -> bool:
    return _UPX_MARKER in content[:_UPX_REACH] or _UPX_MARKER in content[-_UPX_REACH:]


def _texts(names: Iterable[str | bytes]) -> tuple[str, ...]:
    """Names as text: lief returns bytes for a name that isn't UTF-8."""
    return tuple(name if isinstance(name, str) else name.decode("utf-8", "backslashreplace") for name in names)
