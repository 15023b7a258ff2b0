"""Generated native files, so that every test runs on every machine, and one-file executables."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from PyInstaller.archive.writers import CArchiveWriter, ZlibArchiveWriter

PAGE: Final = 0x1000
X86_64: Final = 62
AARCH64: Final = 183
READ_WRITE: Final = 6
EXECUTE: Final = 1
MACHO_X86_64: Final = 0x01000007
MACHO_ARM64: Final = 0x0100000C
PE_AMD64: Final = 0x8664
PE_ARM64: Final = 0xAA64

_HASH, _STRTAB, _SYMTAB, _STRSZ, _SYMENT, _NEEDED, _SONAME, _RPATH, _RUNPATH = 4, 5, 6, 10, 11, 1, 14, 15, 29
_VERNEED, _VERNEEDNUM, _FLAGS_1, _NULL = 0x6FFFFFFE, 0x6FFFFFFF, 0x6FFFFFFB, 0
_LOAD, _DYNAMIC, _GNU_STACK = 1, 2, 0x6474E551


def make_elf(
    *,
    machine: int = X86_64,
    needed: Sequence[str] = ("libc.so.6",),
    versions: Mapping[str, Sequence[str]] | None = None,
    runpath: str | None = None,
    rpath: str | None = None,
    symbols: Sequence[str] = (),
    stack_flags: int | None = READ_WRITE,
    shift: int = 0,
    is_static_program: bool = False,
) -> bytes:
    """A 64-bit shared object without code: a header, four program headers and what the dynamic loader reads.

    `versions` are the symbol versions that it needs, by library; `symbols` are the names in its symbol table; `shift`
    misplaces its second segment by that many bytes. The string table shares common tails, as linkers do. A static
    program has the flag of one that can be at any address, and no interpreter.
    """
    texts = _Texts()
    dynamic: list[tuple[int, int]] = [(_RPATH, texts.offset(rpath))] if rpath else []
    dynamic += [(_RUNPATH, texts.offset(runpath))] if runpath else []
    dynamic += [(_NEEDED, texts.offset(name)) for name in needed]
    dynamic += [(_SONAME, texts.offset("libsample.so.1"))]
    table = bytes(24) + b"".join(struct.pack("<IBBHQQ", texts.offset(name), 0x12, 0, 0, 0, 0) for name in symbols)
    # The loader takes the number of symbols from the hash table's number of chains.
    count = 1 + len(symbols)
    hashes = struct.pack(f"<{3 + count}I", 1, count, *([0] * (1 + count)))
    needs = _version_needs(versions or {}, texts)
    start = PAGE
    parts = (texts.content, table, hashes, needs)
    places = [start + sum(map(len, parts[:index])) for index in range(len(parts))]
    dynamic += [(_STRTAB, places[0]), (_STRSZ, len(texts.content)), (_SYMTAB, places[1]), (_SYMENT, 24)]
    dynamic += [(_HASH, places[2])]
    dynamic += [(_VERNEED, places[3]), (_VERNEEDNUM, len(versions or {}))] if needs else []
    dynamic += [(_FLAGS_1, 0x08000000)] if is_static_program else []
    section = b"".join(struct.pack("<qQ", tag, value) for tag, value in [*dynamic, (_NULL, 0)])
    body = b"".join(parts) + section
    at = len(body) - len(section)
    segments = [
        (_LOAD, 4, 0, 0, PAGE, PAGE),
        (_LOAD, 6, start + shift, start, len(body), PAGE),
        (_DYNAMIC, 6, start + shift + at, start + at, len(section), 8),
    ]
    segments += [(_GNU_STACK, stack_flags, 0, 0, 0, 16)] if stack_flags is not None else []
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
    head += b"".join(
        struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, size, size, align)
        for kind, flags, offset, address, size, align in segments
    )
    return head.ljust(start + shift, b"\0") + body


class _Texts:
    """A string table that stores a name that is the end of another only once."""

    def __init__(self) -> None:
        self.content = b"\0"

    def offset(self, text: str) -> int:
        wanted = text.encode() + b"\0"
        found = self.content.find(wanted)
        if found < 0:
            found = len(self.content)
            self.content += wanted
        return found


def _version_needs(versions: Mapping[str, Sequence[str]], texts: _Texts) -> bytes:
    needs = b""
    for number, (library, names) in enumerate(versions.items(), start=1):
        size = 16 * (1 + len(names))
        following = size if number < len(versions) else 0
        needs += struct.pack("<HHIII", 1, len(names), texts.offset(library), 16, following)
        for index, name in enumerate(names, start=1):
            needs += struct.pack("<IHHII", 0, 0, index + 1, texts.offset(name), 16 if index < len(names) else 0)
    return needs


def make_macho(
    *,
    machine: int = MACHO_ARM64,
    libraries: Sequence[str] = ("/usr/lib/libSystem.B.dylib",),
    weak_libraries: Sequence[str] = (),
    rpaths: Sequence[str] = (),
    minimum: tuple[int, int] = (11, 0),
    is_signed: bool = True,
) -> bytes:
    """A 64-bit dynamic library without code: a header, load commands and room for a signature."""
    commands = [_macho_command(0xD, "@rpath/sample.dylib", bytes(12))]
    commands += [_macho_command(0xC, name, bytes(12)) for name in libraries]
    commands += [_macho_command(0x80000018, name, bytes(12)) for name in weak_libraries]
    commands += [_macho_command(0x8000001C, path, b"") for path in rpaths]
    version = minimum[0] << 16 | minimum[1] << 8
    commands += [struct.pack("<6I", 0x32, 24, 1, version, version, 0)]
    if is_signed:
        commands += [struct.pack("<4I", 0x1D, 16, PAGE - 16, 16)]
    head = struct.pack("<8I", 0xFEEDFACF, machine, 0, 6, len(commands), sum(map(len, commands)), 0, 0)
    return (head + b"".join(commands)).ljust(PAGE, b"\0")


def make_fat_macho(*slices: tuple[int, bytes]) -> bytes:
    """A universal file with a slice for each machine."""
    places = [PAGE * 4 * (index + 1) for index in range(len(slices))]
    head = struct.pack(">2I", 0xCAFEBABE, len(slices))
    for place, (machine, content) in zip(places, slices, strict=True):
        head += struct.pack(">5I", machine, 0, place, len(content), 14)
    whole = head
    for place, (_machine, content) in zip(places, slices, strict=True):
        whole = whole.ljust(place, b"\0") + content
    return whole


def _macho_command(kind: int, name: str, versions: bytes) -> bytes:
    # Library commands have a timestamp and two versions between the name's offset and the name.
    text = name.encode() + b"\0"
    size = (12 + len(versions) + len(text) + 7) // 8 * 8
    return (struct.pack("<3I", kind, size, 12 + len(versions)) + versions + text).ljust(size, b"\0")


def make_pe(
    *,
    machine: int = PE_AMD64,
    libraries: Sequence[str] = ("KERNEL32.dll",),
    version: tuple[tuple[int, ...], Mapping[str, str]] | None = None,
) -> bytes:
    """A 64-bit DLL with one section: an import table with one function of each library, and a version resource.

    `version` is the resource's four numbers and strings by name.
    """
    base, place = 0x1000, 0x400
    tables = base + 20 * (len(libraries) + 1)
    names, descriptors, rest = tables + 32 * len(libraries), b"", b""
    thunks = b""
    for index, library in enumerate(libraries):
        entry = names + len(rest)
        rest += struct.pack("<H", 0) + b"Function\0\0"
        text = names + len(rest)
        rest += library.encode() + b"\0"
        thunk = tables + 32 * index
        thunks += struct.pack("<4Q", entry, 0, entry, 0)
        descriptors += struct.pack("<5I", thunk, 0, 0, text, thunk + 16)
    section = descriptors + bytes(20) + thunks + rest
    resources_at = base + (len(section) + 3) // 4 * 4
    resources = _version_directory(_version_resource(*version), resources_at) if version else b""
    section = section.ljust(resources_at - base, b"\0") + resources
    size = (len(section) + 0x1FF) // 0x200 * 0x200
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHH",
        *(0x20B, 14, 0, 0, size, 0, 0, base, 0x180000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0),
        *(0x1000 + 0x1000 * (size // 0x1000 + 1), place, 0, 2, 0),
    )
    optional += struct.pack("<4QII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    optional += bytes(8) + struct.pack("<2I", base, 20 * (len(libraries) + 1))
    optional += struct.pack("<2I", resources_at if resources else 0, len(resources)) + bytes(8 * 13)
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, len(optional), 0x2022) + optional
    head += b".rdata\0\0" + struct.pack("<6I2HI", len(section), base, size, place, 0, 0, 0, 0, 0x40000040)
    return (head.ljust(place, b"\0") + section).ljust(place + size, b"\0")


def _version_directory(resource: bytes, place: int) -> bytes:
    """A directory level each for type (16), id (1) and language (American English), then the resource."""
    folders = b""
    for depth, name in enumerate((16, 1, 0x409), start=1):
        below = depth * 24 if depth == 3 else depth * 24 | 1 << 31
        folders += struct.pack("<IIHHHHII", 0, 0, 0, 0, 0, 1, name, below)
    return folders + struct.pack("<4I", place + len(folders) + 16, len(resource), 0, 0) + resource


def _version_resource(numbers: Sequence[int], texts: Mapping[str, str]) -> bytes:
    high, low = numbers[0] << 16 | numbers[1], numbers[2] << 16 | numbers[3]
    fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, high, low, high, low, 0, 0, 0x40004, 1, 0, 0, 0)
    strings = b"".join(
        _version_block(name, len(text) + 1, 1, f"{text}\0".encode("utf-16-le")) for name, text in texts.items()
    )
    tables = _version_block("StringFileInfo", 0, 1, _version_block("040904B0", 0, 1, strings))
    return _version_block("VS_VERSION_INFO", len(fixed), 0, fixed + tables)


def _version_block(key: str, value_length: int, kind: int, content: bytes) -> bytes:
    """Length, value length, whether the value is text, key and content, aligned to four bytes."""
    head = f"{key}\0".encode("utf-16-le")
    head += bytes(-(6 + len(head)) % 4)
    length = 6 + len(head) + len(content)
    return struct.pack("<3H", length, value_length, kind) + head + content + bytes(-length % 4)


def write_one_file(
    executable: Path,
    *,
    bootloader: bytes,
    binaries: Mapping[str, bytes] | None = None,
    data: Mapping[str, bytes] | None = None,
    modules: Mapping[str, str] | None = None,
    script: str = "",
) -> None:
    """Write a one-file executable as PyInstaller does; `modules` and `script` are source code."""
    work = executable.with_suffix(".work")
    work.mkdir(parents=True)
    codes = {name: compile(source, f"{name}.py", "exec") for name, source in (modules or {}).items()}
    ZlibArchiveWriter(str(work / "PYZ.pyz"), [(name, f"{name}.py", "PYMODULE") for name in codes], code_dict=codes)
    (work / "main.py").write_text(script, encoding="utf-8")
    entries = [("main", str(work / "main.py"), True, "s"), ("PYZ.pyz", str(work / "PYZ.pyz"), False, "z")]
    members = [
        (name, content, kind)
        for kind, group in (("b", binaries), ("x", data))
        for name, content in (group or {}).items()
    ]
    for number, (name, content, kind) in enumerate(members):
        source = work / str(number)
        source.write_bytes(content)
        entries.append((name, str(source), number % 2 == 1, kind))
    CArchiveWriter(str(work / "payload"), entries, "libpython3.13.so")
    executable.write_bytes(bootloader + (work / "payload").read_bytes())
