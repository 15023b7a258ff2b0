import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.binaries.native_files import NativeFile, read_native
from tests.release_tools.verification.static.samples import (
    AARCH64,
    EXECUTE,
    MACHO_ARM64,
    MACHO_X86_64,
    PE_AMD64,
    PE_ARM64,
    READ_WRITE,
    make_elf,
    make_fat_macho,
    make_macho,
    make_pe,
)


def read(content: bytes) -> NativeFile:
    native = read_native(content)
    assert native is not None
    return native


def with_bytes(content: bytes, place: int, replacement: bytes) -> bytes:
    return content[:place] + replacement + content[place + len(replacement) :]


@pytest.mark.parametrize(
    ("content", "described"),
    [
        (make_elf(), ("ELF", ("amd64",))),
        (make_elf(machine=AARCH64), ("ELF", ("arm64",))),
        (make_elf(machine=243), ("ELF", ("RISCV",))),
        (make_elf(machine=60_000), ("ELF", ("machine 60000",))),
        (make_macho(machine=MACHO_ARM64), ("MACHO", ("arm64",))),
        (make_macho(machine=MACHO_X86_64), ("MACHO", ("amd64",))),
        (make_pe(machine=PE_AMD64), ("PE", ("amd64",))),
        (make_pe(machine=PE_ARM64), ("PE", ("arm64",))),
    ],
)
def test_format_and_architecture_are_read(content: bytes, described: tuple[str, tuple[str, ...]]) -> None:
    native = read(content)
    assert (native.format, native.machines) == described


@pytest.mark.parametrize(
    ("library", "program"),
    [
        (make_elf(), make_elf(is_static_program=True)),
        (make_elf(), with_bytes(make_elf(), 16, b"\2\0")),
        (make_macho(), with_bytes(make_macho(), 12, b"\2")),
        (make_pe(), with_bytes(make_pe(), make_pe().index(b"\x22\x20"), b"\x22\0")),
    ],
    ids=["static ELF", "ELF at a fixed address", "Mach-O", "PE"],
)
def test_program_is_told_from_a_library(library: bytes, program: bytes) -> None:
    assert (read(library).is_program, read(program).is_program) == (False, True)


def test_universal_file_has_several_architectures() -> None:
    fat = make_fat_macho((MACHO_X86_64, make_macho(machine=MACHO_X86_64)), (MACHO_ARM64, make_macho(minimum=(12, 0))))
    native = read(fat)
    assert native.machines == ("amd64", "arm64")
    assert (native.macos_minimum("amd64"), native.macos_minimum("arm64")) == ((11, 0, 0), (12, 0, 0))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#!/bin/sh\n",
        b"MZ nonsense",
        b"\x7fELF nonsense",
        b"\xcf\xfa\xed\xfe nonsense",
        # A Java class starts like a universal file.
        bytes.fromhex("cafebabe0000003d") + bytes(300),
    ],
)
def test_other_file_is_none(content: bytes) -> None:
    assert read_native(content) is None


def test_needed_libraries_are_read() -> None:
    assert read(make_elf(needed=["libm.so.6", "libc.so.6"])).libraries == ("libm.so.6", "libc.so.6")
    assert read(make_pe(libraries=["KERNEL32.dll", "other.dll"])).libraries == ("KERNEL32.dll", "other.dll")
    macho = make_macho(libraries=["/usr/lib/libSystem.B.dylib", "@rpath/libother.dylib"])
    assert read(macho).libraries == ("/usr/lib/libSystem.B.dylib", "@rpath/libother.dylib")


def test_undecodable_name_is_escaped() -> None:
    content = make_elf(needed=["libname.so"]).replace(b"libname", b"lib\xff\xfe\xfdx")
    assert read(content).libraries == ("lib\\xff\\xfe\\xfdx.so",)


def test_own_name_and_weak_library_are_not_needed() -> None:
    assert read(make_macho(libraries=[], weak_libraries=["/usr/local/lib/extra.dylib"])).libraries == ()


def test_symbol_versions_are_read() -> None:
    native = read(make_elf(versions={"libc.so.6": ["GLIBC_2.34", "GLIBC_2.2.5"], "libm.so.6": ["GLIBC_2.29"]}))
    assert native.symbol_versions == ("GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.29")


def test_rpaths_are_read_separately() -> None:
    assert read(make_elf(rpath="/old", runpath="$ORIGIN:/opt/lib")).rpaths == ("/old", "$ORIGIN", "/opt/lib")
    assert read(make_elf(runpath="$ORIGIN:")).rpaths == ("$ORIGIN", "")
    assert read(make_macho(rpaths=["@loader_path", "/opt/lib"])).rpaths == ("@loader_path", "/opt/lib")
    assert read(make_elf()).rpaths == ()


@pytest.mark.parametrize(("flags", "is_executable"), [(READ_WRITE, False), (READ_WRITE | EXECUTE, True), (None, True)])
def test_stack_is_executable_by_flag_or_missing_header(flags: int | None, is_executable: bool) -> None:
    assert read(make_elf(stack_flags=flags)).has_executable_stack is is_executable


@pytest.mark.parametrize(("shift", "addresses"), [(0, ()), (0x1000, ()), (0x10, (0x1000,))])
def test_misaligned_segment_is_reported(shift: int, addresses: tuple[int, ...]) -> None:
    assert read(make_elf(shift=shift)).misaligned_segments == addresses


def test_oldest_macos_is_read() -> None:
    assert read(make_macho(minimum=(13, 3))).macos_minimum("arm64") == (13, 3, 0)


def test_upx_marker_counts_only_in_its_place() -> None:
    assert not read(make_elf()).is_packed
    assert read(make_elf() + b"UPX!" + bytes(36)).is_packed
    assert not read(make_elf() + b"files with UPX! are refused" + bytes(5000)).is_packed
    packed = make_pe()
    assert read(packed[:0x3F0] + b"UPX!" + packed[0x3F4:]).is_packed


@pytest.mark.programs
def test_kept_object_prints_nothing_at_exit() -> None:
    code = (
        "import ctypes; from release_tools.binaries.quiet_lief import lief\n"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(lief.ELF.DynamicEntryRunPath('x')))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, check=True, timeout=60
    )
    assert finished.stderr == b""
