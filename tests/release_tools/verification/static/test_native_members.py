import dataclasses
from collections.abc import Callable

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static.native_members import (
    check_executable_stacks,
    check_member_architectures,
    check_needed_libraries,
    check_rpaths,
    check_segment_alignment,
    check_upx,
)
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.static.contexts import findings_of, make_context
from tests.release_tools.verification.static.samples import (
    AARCH64,
    MACHO_ARM64,
    MACHO_X86_64,
    PE_ARM64,
    make_elf,
    make_fat_macho,
    make_macho,
    make_pe,
)

UNIVERSAL = make_fat_macho((MACHO_X86_64, make_macho(machine=MACHO_X86_64)), (MACHO_ARM64, make_macho()))


@pytest.mark.parametrize(
    ("platform", "content"),
    [
        ("linux-amd64", make_elf()),
        ("linux-arm64", make_elf(machine=AARCH64)),
        ("darwin-arm64", UNIVERSAL),
        ("darwin-amd64", UNIVERSAL),
        ("windows-amd64", make_pe()),
    ],
)
def test_members_for_the_platform_pass(settings: ReleaseSettings, platform: str, content: bytes) -> None:
    context = make_context(settings, platform=platform, binaries={"a.pyd": content, "b.pyd": content})
    assert check_member_architectures(context).startswith("2 members")


@pytest.mark.parametrize("platform", ["linux-amd64", "darwin-arm64"])
def test_executable_text_is_not_native(settings: ReleaseSettings, platform: str) -> None:
    """Wheels mark texts as executable, and PyInstaller then collects them as binaries."""
    binaries = {"tiny-1.0.dist-info/METADATA": b"Name: tiny", "tiny/tool.sh": b"#!/bin/sh\n"}
    context = make_context(settings, platform=platform, binaries=binaries)
    assert check_member_architectures(context).startswith("0 members")


def test_bundled_program_is_checked_by_its_bytes(settings: ReleaseSettings) -> None:
    programs = {
        "tiny/tool": make_elf(machine=AARCH64),
        "tiny/damaged": make_elf()[:7] + b"\xff" * 2000,
        "tiny/good": make_elf(),
        "tiny/setup.exe": make_pe(),
    }
    context = make_context(settings, binaries=programs)
    assert findings_of(check_member_architectures, context) == (
        "tiny/damaged is not a native file",
        "tiny/tool is ELF for arm64",
    )


def test_windows_libraries_are_recognized_by_suffix(settings: ReleaseSettings) -> None:
    binaries = {"tiny.dist-info/METADATA": b"Name: tiny", "a.pyd": make_pe()}
    context = make_context(settings, platform="windows-amd64", binaries=binaries)
    assert check_member_architectures(context).startswith("1 members")
    context = make_context(settings, platform="windows-amd64", binaries={**binaries, "B.DLL": b"text"})
    assert findings_of(check_member_architectures, context) == ("B.DLL is not a native file",)


@pytest.mark.parametrize(
    ("platform", "content", "finding"),
    [
        ("linux-amd64", make_elf(machine=AARCH64), "lib/a.so is ELF for arm64"),
        ("linux-arm64", make_elf(), "lib/a.so is ELF for amd64"),
        ("linux-amd64", make_macho(machine=MACHO_X86_64), "lib/a.so is MACHO for amd64"),
        ("darwin-arm64", make_macho(machine=MACHO_X86_64), "lib/a.so is MACHO for amd64"),
        ("windows-amd64", make_pe(machine=PE_ARM64), "lib/a.so is PE for arm64"),
        ("linux-amd64", b"INPUT(libreal.so)", "lib/a.so is not a native file"),
    ],
)
@pytest.mark.shows_failing("member architectures")
def test_member_for_another_platform_is_refused(
    settings: ReleaseSettings, platform: str, content: bytes, finding: str
) -> None:
    context = make_context(settings, platform=platform, binaries={"lib/a.so": content})
    assert findings_of(check_member_architectures, context) == (finding,)


def test_library_counts_among_data_but_foreign_program_does_not(settings: ReleaseSettings) -> None:
    data = {"tool/setup.exe": make_pe(), "tool/setup-arm64": make_elf(machine=AARCH64)}
    assert check_member_architectures(make_context(settings, data=data)).startswith("0 members")
    context = make_context(settings, data={**data, "plugin.so.1": make_elf(machine=AARCH64)})
    assert findings_of(check_member_architectures, context) == ("plugin.so.1 is ELF for arm64",)


def test_bundled_and_system_libraries_satisfy_members(settings: ReleaseSettings) -> None:
    binaries = {
        "app/one.so": make_elf(needed=["libother-1a2b.so.1", "libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2"]),
        "app.libs/libother-1a2b.so.1": make_elf(needed=["ld-linux-aarch64.so.1"]),
        "two.so": make_elf(needed=["libz.so.1"]),
    }
    assert check_needed_libraries(make_context(settings, binaries=binaries)).figure == "all found for 3 members"


def test_macos_library_with_absolute_path_is_not_bundled(settings: ReleaseSettings) -> None:
    bundled_and_system = ["@rpath/libother.dylib", "/System/Library/Frameworks/CoreFoundation.framework/X"]
    binaries = {
        "one.so": make_macho(libraries=bundled_and_system),
        "libother.dylib": make_macho(),
        "two.so": make_macho(libraries=["/opt/homebrew/lib/libother.dylib", "@loader_path/gone.dylib"]),
    }
    context = make_context(settings, platform="darwin-arm64", binaries=binaries)
    assert findings_of(check_needed_libraries, context) == (
        "two.so needs /opt/homebrew/lib/libother.dylib",
        "two.so needs @loader_path/gone.dylib",
    )


def test_windows_libraries_are_compared_without_case(settings: ReleaseSettings) -> None:
    needed = ["KERNEL32.dll", "Python313.DLL", "VCRUNTIME140.dll", "api-ms-win-crt-heap-l1-1-0.dll"]
    binaries = {"one.pyd": make_pe(libraries=needed), "python313.dll": make_pe()}
    context = make_context(settings, platform="windows-amd64", binaries=binaries)
    assert findings_of(check_needed_libraries, context) == ("one.pyd needs VCRUNTIME140.dll",)
    binaries["VCRUNTIME140.dll"] = make_pe()
    check_needed_libraries(make_context(settings, platform="windows-amd64", binaries=binaries))


@pytest.mark.shows_failing("needed libraries")
def test_missing_library_is_refused_unless_allowed(settings: ReleaseSettings) -> None:
    member = make_elf(needed=["libcuda.so.1", "libc.so.6"])
    context = make_context(settings, binaries={"one.so": member, "two.so": member})
    first, second = findings_of(check_needed_libraries, context)
    assert (first, second) == ("one.so needs libcuda.so.1", "two.so needs libcuda.so.1")
    assert findings_of(check_needed_libraries, allowing(context, first)) == (second,)
    check_needed_libraries(allowing(context, first, second))


def test_library_that_a_locked_wheel_lacks_is_noted(settings: ReleaseSettings) -> None:
    binaries = {"odd/a.so": make_elf(needed=["libodbc.so.2"]), "tiny_app/b.so": make_elf(needed=["libodbc.so.2"])}
    records = {"odd-1.0.dist-info/RECORD": b"odd/a.so,,\n", "tiny_app-1.0.dist-info/RECORD": b"tiny_app/b.so,,\n"}
    context = make_context(settings, binaries=binaries, data=records)
    assert findings_of(check_needed_libraries, context) == ("tiny_app/b.so needs libodbc.so.2",)
    (note,) = check_needed_libraries(allowing(context, "tiny_app/b.so needs libodbc.so.2")).notes
    assert note.startswith("odd/a.so needs libodbc.so.2")


def test_bundled_library_does_not_help_the_executable(settings: ReleaseSettings) -> None:
    context = make_context(
        settings, bootloader=make_elf(needed=["libz.so.1", "libother.so"]), binaries={"libother.so": make_elf()}
    )
    assert findings_of(check_needed_libraries, context) == ("tiny needs libother.so before it unpacks anything",)


def test_extension_module_without_its_library_can_be_excluded(settings: ReleaseSettings) -> None:
    needing = make_elf(needed=["libgone.so"])
    tk = "python3.13/lib-dynload/_tkinter.cpython-313-x86_64-linux-gnu.so"
    excluding = dataclasses.replace(settings, exclude_modules=("a",))
    for binaries, cure in (
        ({tk: needing, "b/c.abi3.so": needing}, 'exclude-modules = ["a", "_tkinter", "b.c"]'),
        ({tk: needing, "libb.so": needing}, ""),
    ):
        with pytest.raises(CheckFailedError) as caught:
            check_needed_libraries(make_context(excluding, binaries=binaries))
        assert caught.value.cure == cure


def test_error_shows_ten_findings_and_counts_the_rest(settings: ReleaseSettings) -> None:
    binaries = {f"{number:02}.so": make_elf(needed=["libgone.so"]) for number in range(14)}
    with pytest.raises(CheckFailedError) as caught:
        check_needed_libraries(make_context(settings, binaries=binaries))
    lines = caught.value.what.splitlines()
    assert lines[1] == "  - 00.so needs libgone.so"
    assert lines[-1] == "  - and 4 more"
    assert len(lines) == 12


@pytest.mark.parametrize("flags", [7, None])
@pytest.mark.shows_failing("executable stacks")
def test_executable_stack_is_refused(settings: ReleaseSettings, flags: int | None) -> None:
    context = make_context(settings, binaries={"good.so": make_elf(), "bad.so": make_elf(stack_flags=flags)})
    assert findings_of(check_executable_stacks, context) == ("bad.so",)


@pytest.mark.shows_failing("segment alignment")
def test_misaligned_segment_is_refused(settings: ReleaseSettings) -> None:
    context = make_context(settings, binaries={"good.so": make_elf(shift=0x1000), "bad.so": make_elf(shift=0x8)})
    assert findings_of(check_segment_alignment, context) == ("bad.so (segment at 0x1000)",)


@pytest.mark.parametrize("folder", ["/home/someone/python/lib", "", "lib", "/usr/lib"])
@pytest.mark.shows_failing("rpaths")
def test_rpath_outside_the_bundle_is_refused_on_linux(settings: ReleaseSettings, folder: str) -> None:
    binaries = {
        "good.so": make_elf(runpath="$ORIGIN/../x.libs:${ORIGIN}"),
        "bad.so": make_elf(runpath=f"$ORIGIN:{folder}"),
    }
    context = make_context(settings, binaries=binaries)
    assert findings_of(check_rpaths, context) == (f"bad.so searches {folder or 'the current folder'}",)


def test_rpath_outside_the_bundle_is_refused_on_macos(settings: ReleaseSettings) -> None:
    binaries = {
        "good.so": make_macho(rpaths=["@loader_path/..", "@executable_path", "/usr/lib", "/usr/lib/swift"]),
        "bad.so": make_macho(rpaths=["/opt/homebrew/lib"]),
    }
    context = make_context(settings, platform="darwin-arm64", binaries=binaries)
    assert findings_of(check_rpaths, context) == ("bad.so searches /opt/homebrew/lib",)


def test_unchanged_program_of_a_dependency_may_have_any_rpath(settings: ReleaseSettings) -> None:
    program = make_elf(is_static_program=True, runpath="/opt/lib")
    record = {"tool-1.0.dist-info/RECORD": b"bin/tool,,\nbin/tool.so,,\n"}
    passed = check_rpaths(make_context(settings, binaries={"bin/tool": program}, data=record))
    assert [note.partition(",")[0] for note in passed.notes] == ["bin/tool searches /opt/lib"]
    library = make_elf(runpath="/opt/lib")
    context = make_context(settings, binaries={"bin/tool.so": library, "bin/own": program}, data=record)
    assert findings_of(check_rpaths, context) == ("bin/own searches /opt/lib", "bin/tool.so searches /opt/lib")


@pytest.mark.parametrize("check", [check_executable_stacks, check_segment_alignment])
def test_members_without_faults_pass(settings: ReleaseSettings, check: Callable[[VerificationContext], str]) -> None:
    assert check(make_context(settings, binaries={"a.so": make_elf()})).endswith("2 files")


def test_members_that_are_not_packed_pass(settings: ReleaseSettings) -> None:
    passed = check_upx(make_context(settings, binaries={"a.so": make_elf()}))
    assert (passed.figure, passed.notes) == ("none of 2 files", ())


def test_members_without_rpaths_pass(settings: ReleaseSettings) -> None:
    passed = check_rpaths(make_context(settings, binaries={"a.so": make_elf()}))
    assert (passed.figure, passed.notes) == ("none in 2 files", ())


@pytest.mark.shows_failing("UPX")
def test_packed_member_and_executable_are_refused(settings: ReleaseSettings) -> None:
    packed = make_elf() + b"UPX!" + bytes(32)
    context = make_context(settings, bootloader=packed[:64] + b"UPX!" + packed[68:], binaries={"a.so": packed})
    assert findings_of(check_upx, context) == ("a.so", "tiny")


def test_setting_allows_packed_members_where_upx_is_used(settings: ReleaseSettings) -> None:
    packed = make_elf() + b"UPX!" + bytes(32)
    settings = dataclasses.replace(settings, is_upx_used=True)
    members = {"a.so": packed, "b.so": make_elf() + bytes(5000)}
    passed = check_upx(make_context(settings, binaries=members))
    assert "of 3 files" in passed.figure
    # What isn't proved is said.
    assert "leaks" in passed.notes[0]
    assert "a.so" in findings_of(check_upx, make_context(settings, platform="darwin-arm64", binaries=members))


@pytest.mark.parametrize(
    ("toolkit", "library", "is_found"),
    [
        ("libtk8.6.so", "libxcb.so.1", False),
        ("PyQt6/QtGui.abi3.so", "libGL.so.1", False),
        ("libtk8.6.so", "libnowhere.so.1", True),
        ("libtool.so", "libxcb.so.1", True),
    ],
)
def test_app_with_windows_may_need_the_display(
    settings: ReleaseSettings, toolkit: str, library: str, is_found: bool
) -> None:
    context = make_context(settings, binaries={toolkit: make_elf(), "libX11.so.6": make_elf(needed=[library])})
    finding = f"libX11.so.6 needs {library}"
    if is_found:
        assert findings_of(check_needed_libraries, context) == (finding,)
    else:
        assert [note.startswith(finding) for note in check_needed_libraries(context).notes] == [True]
