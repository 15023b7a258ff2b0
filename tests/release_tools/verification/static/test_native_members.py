"""Each check of native members passes on what is right, and names the member where something is wrong."""

from collections.abc import Callable

import pytest

from release_tools.binaries.payload import PayloadError
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.static import native_members
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.static.contexts import make_context
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

CHECKS = (
    native_members.check_member_machines,
    native_members.check_needed_libraries,
    native_members.check_executable_stacks,
    native_members.check_segment_alignment,
    native_members.check_run_paths,
    native_members.check_packing,
)


@pytest.mark.parametrize("check", CHECKS)
def test_a_file_without_a_payload_fails_every_check(
    settings: ReleaseSettings, check: Callable[[VerificationContext], str]
) -> None:
    context = make_context(settings)
    context.executable.write_bytes(make_elf())
    with pytest.raises(PayloadError):
        check(context)
    context.executable.unlink()
    with pytest.raises(CheckFailedError, match="cannot be read"):
        check(context)


def test_members_for_the_machine_pass(settings: ReleaseSettings) -> None:
    context = make_context(settings, binaries={"a.so": make_elf(), "b.so": make_elf()})
    assert native_members.check_member_machines(context) == "2 members, ELF for amd64"
    fat = make_fat_macho((MACHO_X86_64, make_macho(machine=MACHO_X86_64)), (MACHO_ARM64, make_macho()))
    for platform in ("darwin-arm64", "darwin-amd64"):
        context = make_context(settings, platform=platform, binaries={"a.so": fat})
        assert native_members.check_member_machines(context).startswith("1 members, MACHO")
    context = make_context(settings, platform="windows-amd64", binaries={"a.pyd": make_pe()})
    assert native_members.check_member_machines(context) == "1 members, PE for amd64"


def test_on_windows_where_pyinstaller_calls_any_file_binary_libraries_are_told_by_their_names(
    settings: ReleaseSettings,
) -> None:
    binaries = {"tiny.dist-info/METADATA": b"Name: tiny", "a.pyd": make_pe()}
    context = make_context(settings, platform="windows-amd64", binaries=binaries)
    assert native_members.check_member_machines(context) == "1 members, PE for amd64"
    context = make_context(settings, platform="windows-amd64", binaries={**binaries, "B.DLL": b"no library"})
    with pytest.raises(CheckFailedError, match=r"B\.DLL is no native file"):
        native_members.check_member_machines(context)


@pytest.mark.parametrize(
    ("platform", "content", "described"),
    [
        ("linux-amd64", make_elf(machine=AARCH64), "lib/a.so is ELF for arm64"),
        ("linux-arm64", make_elf(), "lib/a.so is ELF for amd64"),
        ("linux-amd64", make_macho(machine=MACHO_X86_64), "lib/a.so is MACHO for amd64"),
        ("darwin-arm64", make_macho(machine=MACHO_X86_64), "lib/a.so is MACHO for amd64"),
        ("windows-amd64", make_pe(machine=PE_ARM64), "lib/a.so is PE for arm64"),
        ("linux-amd64", b"INPUT(libreal.so)", "lib/a.so is no native file"),
    ],
)
@pytest.mark.shows_failing("machine of members")
def test_a_member_for_another_machine_is_named(
    settings: ReleaseSettings, platform: str, content: bytes, described: str
) -> None:
    context = make_context(settings, platform=platform, binaries={"lib/a.so": content})
    with pytest.raises(CheckFailedError, match=described):
        native_members.check_member_machines(context)


def test_a_library_among_the_data_counts_and_a_starter_for_another_system_does_not(settings: ReleaseSettings) -> None:
    data = {"tool/setup.exe": make_pe(), "tool/setup-arm64": make_elf(machine=AARCH64)}
    assert native_members.check_member_machines(make_context(settings, data=data)) == "0 members, ELF for amd64"
    context = make_context(settings, data={**data, "plugin.so.1": make_elf(machine=AARCH64)})
    with pytest.raises(CheckFailedError, match=r"not ELF for amd64: plugin\.so\.1 is ELF for arm64"):
        native_members.check_member_machines(context)


def test_libraries_of_the_system_and_of_the_payload_are_found(settings: ReleaseSettings) -> None:
    binaries = {
        "app/one.so": make_elf(needed=["libother-1a2b.so.1", "libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2"]),
        "app.libs/libother-1a2b.so.1": make_elf(needed=["ld-linux-aarch64.so.1"]),
    }
    context = make_context(settings, binaries=binaries)
    assert native_members.check_needed_libraries(context) == "all libraries of 2 members"


def test_on_macos_an_absolute_name_is_no_member(settings: ReleaseSettings) -> None:
    binaries = {
        "one.so": make_macho(
            libraries=["@rpath/libother.dylib", "/System/Library/Frameworks/CoreFoundation.framework/X"]
        ),
        "libother.dylib": make_macho(),
    }
    context = make_context(settings, platform="darwin-arm64", binaries=binaries)
    assert native_members.check_needed_libraries(context) == "all libraries of 2 members"
    binaries["two.so"] = make_macho(libraries=["/opt/homebrew/lib/libother.dylib", "@loader_path/gone.dylib"])
    context = make_context(settings, platform="darwin-arm64", binaries=binaries)
    with pytest.raises(CheckFailedError) as failure:
        native_members.check_needed_libraries(context)
    assert failure.value.what.splitlines()[1:] == [
        "  - two.so needs /opt/homebrew/lib/libother.dylib",
        "  - two.so needs @loader_path/gone.dylib",
    ]


def test_on_windows_names_are_compared_without_case_and_the_visual_c_runtime_must_be_there(
    settings: ReleaseSettings,
) -> None:
    wanted = [
        "KERNEL32.dll",
        "Python313.DLL",
        "VCRUNTIME140.dll",
        "api-ms-win-crt-heap-l1-1-0.dll",
        "bcryptPrimitives.dll",
    ]
    binaries = {"one.pyd": make_pe(libraries=wanted), "python313.dll": make_pe()}
    context = make_context(settings, platform="windows-amd64", binaries=binaries)
    with pytest.raises(CheckFailedError, match=r"part of the system: one\.pyd needs VCRUNTIME140\.dll\nhint"):
        native_members.check_needed_libraries(context)
    binaries["VCRUNTIME140.dll"] = make_pe()
    context = make_context(settings, platform="windows-amd64", binaries=binaries)
    assert native_members.check_needed_libraries(context) == "all libraries of 3 members"


@pytest.mark.shows_failing("needed libraries")
def test_a_library_that_is_nowhere_is_named_with_its_member(settings: ReleaseSettings) -> None:
    context = make_context(settings, binaries={"one.so": make_elf(needed=["libpq.so.5", "libc.so.6"])})
    with pytest.raises(CheckFailedError, match=r"neither .* nor part of the system: one\.so needs libpq\.so\.5\nhint"):
        native_members.check_needed_libraries(context)


def test_nothing_inside_helps_the_executable_itself(settings: ReleaseSettings) -> None:
    context = make_context(
        settings, bootloader=make_elf(needed=["libz.so.1", "libother.so"]), binaries={"libother.so": make_elf()}
    )
    with pytest.raises(CheckFailedError, match=r"tiny needs libother\.so before it has unpacked anything\nhint"):
        native_members.check_needed_libraries(context)


def test_the_systems_zlib_which_the_bootloader_cannot_do_without_serves_the_members_too(
    settings: ReleaseSettings,
) -> None:
    context = make_context(settings, binaries={"one.so": make_elf(needed=["libz.so.1"])})
    assert native_members.check_needed_libraries(context) == "all libraries of 1 members"


def test_what_the_project_calls_harmless_is_let_through_and_nothing_else(settings: ReleaseSettings) -> None:
    finding, one = "one.so needs libcuda.so.1", make_elf(needed=["libcuda.so.1"])
    context = make_context(settings, binaries={"one.so": one})
    assert native_members.check_needed_libraries(allowing(context, finding)) == "all libraries of 1 members"
    context = make_context(settings, binaries={"one.so": one, "two.so": one})
    with pytest.raises(CheckFailedError) as caught:
        native_members.check_needed_libraries(allowing(context, finding))
    assert caught.value.findings == ("two.so needs libcuda.so.1",)


def test_many_findings_are_counted(settings: ReleaseSettings) -> None:
    binaries = {f"{number:02}.so": make_elf(needed=["libgone.so"]) for number in range(14)}
    with pytest.raises(CheckFailedError) as failure:
        native_members.check_needed_libraries(make_context(settings, binaries=binaries))
    lines = failure.value.what.splitlines()
    assert lines[1] == "  - 00.so needs libgone.so"
    assert lines[-1] == "  - and 4 more"
    assert len(lines) == 12


@pytest.mark.parametrize("flags", [7, None])
@pytest.mark.shows_failing("executable stacks")
def test_an_executable_stack_is_named(settings: ReleaseSettings, flags: int | None) -> None:
    good = {"good.so": make_elf()}
    assert native_members.check_executable_stacks(make_context(settings, binaries=good)) == "none in 2 files"
    context = make_context(settings, binaries={**good, "bad.so": make_elf(stack_flags=flags)})
    with pytest.raises(CheckFailedError, match=r"want an executable stack: bad\.so\nhint"):
        native_members.check_executable_stacks(context)


@pytest.mark.shows_failing("segment alignment")
def test_a_segment_that_strip_moved_is_named(settings: ReleaseSettings) -> None:
    good = {"good.so": make_elf(shift=0x1000)}
    assert native_members.check_segment_alignment(make_context(settings, binaries=good)) == "right in 2 files"
    context = make_context(settings, binaries={**good, "bad.so": make_elf(shift=0x8)})
    with pytest.raises(CheckFailedError, match=r"bad\.so \(segment at 0x1000\)\nhint"):
        native_members.check_segment_alignment(context)


@pytest.mark.parametrize("check", [native_members.check_executable_stacks, native_members.check_segment_alignment])
@pytest.mark.parametrize("platform", ["darwin-arm64", "windows-amd64"])
def test_questions_about_elf_are_for_linux(
    settings: ReleaseSettings, check: Callable[[VerificationContext], str], platform: str
) -> None:
    with pytest.raises(CheckSkippedError, match="a question for linux only"):
        check(make_context(settings, platform=platform))


@pytest.mark.parametrize("folder", ["/home/someone/python/lib", "", "lib", "/usr/lib"])
@pytest.mark.shows_failing("run paths")
def test_a_run_path_out_of_the_bundle_is_named_on_linux(settings: ReleaseSettings, folder: str) -> None:
    own = {"own.so": make_elf(run_path="$ORIGIN/../x.libs:${ORIGIN}")}
    assert native_members.check_run_paths(make_context(settings, binaries=own)) == "none in 2 files"
    context = make_context(settings, binaries={"bad.so": make_elf(run_path=f"$ORIGIN:{folder}")})
    with pytest.raises(CheckFailedError, match=rf"bad\.so searches {folder or 'the current folder'}\nhint"):
        native_members.check_run_paths(context)


def test_a_run_path_out_of_the_bundle_is_named_on_macos(settings: ReleaseSettings) -> None:
    own = {"own.so": make_macho(run_paths=["@loader_path/..", "@executable_path", "/usr/lib", "/usr/lib/swift"])}
    assert native_members.check_run_paths(make_context(settings, platform="darwin-arm64", binaries=own)).startswith(
        "none"
    )
    bad = {"bad.so": make_macho(run_paths=["/opt/homebrew/lib"])}
    with pytest.raises(CheckFailedError, match=r"bad\.so searches /opt/homebrew/lib\nhint"):
        native_members.check_run_paths(make_context(settings, platform="darwin-arm64", binaries=bad))


def test_windows_has_no_run_paths(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="PE files have no run paths"):
        native_members.check_run_paths(make_context(settings, platform="windows-amd64"))


@pytest.mark.shows_failing("packed members")
def test_a_packed_member_and_a_packed_executable_are_named(settings: ReleaseSettings) -> None:
    assert native_members.check_packing(make_context(settings, binaries={"a.so": make_elf()})) == "none of 2 files"
    packed = make_elf() + b"UPX!" + bytes(32)
    context = make_context(settings, bootloader=packed[:64] + b"UPX!" + packed[68:], binaries={"a.so": packed})
    with pytest.raises(CheckFailedError, match=r"packed with UPX:\n  - a\.so\n  - tiny\nhint"):
        native_members.check_packing(context)
