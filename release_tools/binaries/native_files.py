"""What the bytes of a native file say: machine, libraries, oldest system. Reads ELF, Mach-O and PE on any host."""

import contextlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import lief

from release_tools.platforms import Architecture, BinaryFormat

# Its complaints about odd files go to standard error, past the report; what cannot be read is None here.
lief.logging.disable()

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
_MACHO_MAGICS: Final = {
    *(bytes.fromhex(magic) for magic in ("cefaedfe", "cffaedfe", "feedface", "feedfacf", "cafebabe", "cafebabf"))
}

# UPX puts its header next to the file's own headers, and once more at the end of an ELF file
# (UPX's src/stub/src/include/linux.h and src/packhead.cpp); anywhere else the marker is only somebody's text.
_UPX_MARKER: Final = b"UPX!"
_UPX_REACH: Final = 4096


@dataclass(frozen=True, kw_only=True)
class NativeFile:
    """A native file's format, and its machines: our name where it has one, else what the format calls it.

    `libraries` are those without which it does not load. `symbol_versions` such as `GLIBC_2.28` and the two segment
    facts exist for ELF only. `macos_minimums`, such as `(11, 0, 0)`, are there for each machine of a Mach-O file, and
    `signed_machines` are those whose code carries a signature, whatever that is worth.
    `run_paths` are searched for libraries; they do not exist for PE.
    """

    format: BinaryFormat
    machines: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    symbol_versions: tuple[str, ...] = ()
    run_paths: tuple[str, ...] = ()
    macos_minimums: tuple[tuple[int, ...], ...] = ()
    signed_machines: tuple[str, ...] = ()
    has_executable_stack: bool = False
    misaligned_segments: tuple[int, ...] = ()
    is_packed: bool = False

    def macos_minimum(self, machine: str) -> tuple[int, ...]:
        """The oldest macOS on this machine; empty where the file does not say."""
        return dict(zip(self.machines, self.macos_minimums, strict=False)).get(machine, ())


def read_native(content: bytes) -> NativeFile | None:
    """What a file of this content is, or None where it is no ELF, Mach-O or PE file, or a damaged one."""
    # lief raises ValueError for a name that is no text.
    with warnings.catch_warnings(), contextlib.suppress(ValueError):
        # One for every number that a newer linker knows and lief does not.
        warnings.simplefilter("ignore", RuntimeWarning)
        if content.startswith(b"\x7fELF"):
            return _read_elf(content)
        if content.startswith(b"MZ"):
            return _read_pe(content)
        if content[:4] in _MACHO_MAGICS:
            return _read_macho(content)
    return None


def is_own_run_path(entry: str) -> bool:
    """Whether an ELF run path leads to the file's own folder, rather than to one of the machine it was built on."""
    return entry.startswith(("$ORIGIN", "${ORIGIN}"))


def _read_elf(content: bytes) -> NativeFile | None:
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
        run_paths=elf_run_paths(elf),
        has_executable_stack=_has_executable_stack(elf),
        misaligned_segments=_misaligned_segments(elf),
        is_packed=_is_packed(content),
    )


def elf_run_paths(elf: lief.ELF.Binary) -> tuple[str, ...]:
    """The folders of RPATH and RUNPATH; an empty one stands for the current folder."""
    texts = (
        entry.rpath if isinstance(entry, lief.ELF.DynamicEntryRpath) else entry.runpath
        for entry in elf.dynamic_entries
        if isinstance(entry, lief.ELF.DynamicEntryRpath | lief.ELF.DynamicEntryRunPath)
    )
    return tuple(folder for text in _texts(texts) for folder in text.split(":"))


def _has_executable_stack(elf: lief.ELF.Binary) -> bool:
    # Without this header glibc takes the machine's default, which is an executable stack (elf/dl-load.c).
    stacks = [segment for segment in elf.segments if segment.type == lief.ELF.Segment.TYPE.GNU_STACK]
    return not stacks or any(segment.has(lief.ELF.Segment.FLAGS.X) for segment in stacks)


def _misaligned_segments(elf: lief.ELF.Binary) -> tuple[int, ...]:
    """The addresses of segments that glibc refuses to map: address and place in the file must agree (elf(5))."""
    return tuple(
        segment.virtual_address
        for segment in elf.segments
        if segment.type == lief.ELF.Segment.TYPE.LOAD
        and (segment.virtual_address - segment.file_offset) % max(segment.alignment, 1) != 0
    )


def _read_pe(content: bytes) -> NativeFile | None:
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
    )


def _read_macho(content: bytes) -> NativeFile | None:
    fat = lief.MachO.parse(content, lief.MachO.ParserConfig.quick)
    if fat is None or fat.size == 0:
        return None
    slices = list(fat)
    needed = {
        command.name
        for one in slices
        for command in one.libraries
        # The file's own name, and libraries that may be absent.
        if command.command not in {lief.MachO.LoadCommand.TYPE.ID_DYLIB, lief.MachO.LoadCommand.TYPE.LOAD_WEAK_DYLIB}
    }
    machines = tuple(_machine(_MACHO_MACHINES.get(kind), kind) for kind in (one.header.cpu_type for one in slices))
    return NativeFile(
        format="MACHO",
        machines=machines,
        signed_machines=tuple(machine for machine, one in zip(machines, slices, strict=True) if one.has_code_signature),
        libraries=_texts(sorted(needed, key=str)),
        run_paths=_texts(dict.fromkeys(command.path for one in slices for command in one.rpaths)),
        macos_minimums=tuple(map(_macos_minimum, slices)),
        is_packed=_is_packed(content),
    )


def _macos_minimum(macho: lief.MachO.Binary) -> tuple[int, ...]:
    if macho.build_version is not None:
        return tuple(macho.build_version.minos)
    return tuple(macho.version_min.version) if macho.version_min is not None else ()


def _machine(name: Architecture | None, kind: object) -> str:
    # A bare number where lief has no name either.
    return name or str(getattr(kind, "name", f"machine {kind}"))


def _is_packed(content: bytes) -> bool:
    return _UPX_MARKER in content[:_UPX_REACH] or _UPX_MARKER in content[-_UPX_REACH:]


def _texts(names: Iterable[str | bytes]) -> tuple[str, ...]:
    """Names as text: lief hands out bytes where a name is not UTF-8."""
    return tuple(name if isinstance(name, str) else name.decode("utf-8", "backslashreplace") for name in names)
