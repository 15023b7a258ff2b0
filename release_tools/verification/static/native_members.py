"""Checks of every native file inside the executable, by its bytes: the ones that a start alone does not prove.

A library that is loaded late breaks on the user's machine, with the command that needs it, not at `--version`.
"""

from pathlib import PurePosixPath

from release_tools.binaries.compiler_runtime import RUNTIME_LIBRARIES
from release_tools.binaries.native_files import NativeFile, is_own_run_path
from release_tools.binaries.system_libraries import is_system_library
from release_tools.platforms import BinaryFormat
from release_tools.verification.check import CheckSkippedError, VerificationContext, refuse
from release_tools.verification.static.native_contents import NativeContents, contents_of, native_contents, native_files


def check_member_machines(context: VerificationContext) -> str:
    """Every native member is of the platform's format and runs on its machine; a fat one may hold more machines."""
    wanted = f"{context.platform.binary_format} for {context.platform.arch}"
    members = native_contents(context).members
    wrong = (
        f"{name} is {_described(native)}"
        for name, native in members.items()
        if native is None
        or native.format != context.platform.binary_format
        or context.platform.arch not in native.machines
    )
    refuse(
        context,
        wrong,
        what=f"not {wanted}",
        hint=f"install the wheels that are made for {context.platform.name}, or list the finding with a reason in "
        "allowed-findings",
    )
    return f"{len(members)} members, {wanted}"


def check_needed_libraries(context: VerificationContext) -> str:
    """Every library that a native file cannot be loaded without is in the executable, or comes with the system."""
    contents = native_contents(context)
    files = list(contents.natives())
    missing = {
        f"{name} needs {library}"
        for name, native in files
        for library in native.libraries
        if not is_system_library(library, context.platform.os)
        and not _is_bundled(library, contents)
        and not _is_runtime_of_the_floor(library, context)
    }
    # Before anything is unpacked, so that no member can help.
    missing |= {
        f"{context.executable.name} needs {library} before it has unpacked anything"
        for library in (contents.executable.libraries if contents.executable else ())
        if not is_system_library(library, context.platform.os)
    }
    refuse(
        context,
        missing,
        what="neither in the executable nor part of the system",
        hint="install the library on the build machine, so that PyInstaller bundles it, or exclude the module that "
        "needs it (exclude-modules); where every user has it, list the finding with a reason in allowed-findings",
    )
    return f"all libraries of {len(files)} members"


def check_executable_stacks(context: VerificationContext) -> str:
    """No member asks for an executable stack: glibc 2.41 and hardened kernels refuse to load one that does."""
    contents = contents_of(context, "ELF")
    files = native_files(context, contents)
    refuse(
        context,
        (name for name, native in files if native.has_executable_stack),
        what="glibc from 2.41 on refuses to load these, which want an executable stack",
        hint="take another release of the package or Python that the file comes from, or clear the flag in its build "
        "(gcc -Wl,-z,noexecstack)",
    )
    return f"none in {len(files)} files"


def check_segment_alignment(context: VerificationContext) -> str:
    """Every segment lies in the file as its address demands, which some versions of strip break."""
    contents = contents_of(context, "ELF")
    files = native_files(context, contents)
    wrong = (f"{name} (segment at {address:#x})" for name, native in files for address in native.misaligned_segments)
    refuse(
        context,
        wrong,
        what='these cannot be loaded ("ELF load command address/offset not page-aligned")',
        hint="some versions of strip break libraries that auditwheel has changed: use a newer binutils for the build",
    )
    return f"right in {len(files)} files"


def check_run_paths(context: VerificationContext) -> str:
    """No native file searches a folder of the build machine for its libraries."""
    if context.platform.os == "windows":
        raise CheckSkippedError("PE files have no run paths")
    contents = native_contents(context)
    files = native_files(context, contents)
    foreign = {
        f"{name} searches {folder or 'the current folder'}"
        for name, native in files
        for folder in native.run_paths
        if not _is_harmless_run_path(folder, native.format)
    }
    refuse(
        context,
        foreign,
        what="libraries are searched in folders of the build machine, where anybody may put one",
        hint="the freeze takes such paths out of ELF files (elf_paths.py); for others, remove them with "
        "install_name_tool -delete_rpath, or take a wheel without them",
    )
    return f"none in {len(files)} files"


def check_packing(context: VerificationContext) -> str:
    """Nothing is packed with UPX, which breaks some libraries and alarms virus scanners."""
    contents = native_contents(context)
    files = native_files(context, contents)
    refuse(
        context,
        (name for name, native in files if native.is_packed),
        what="packed with UPX",
        hint="bundle the file as its maker ships it",
    )
    return f"none of {len(files)} files"


def _is_runtime_of_the_floor(library: str, context: VerificationContext) -> bool:
    # Where a floor is declared, the freeze leaves a runtime that is too new to the system, and the check of the floor
    # looks at what is asked of it.
    return context.settings.glibc_floor is not None and library in RUNTIME_LIBRARIES


def _is_bundled(library: str, contents: NativeContents) -> bool:
    # macOS takes an absolute name literally; the others are found by their last part.
    return not library.startswith("/") and PurePosixPath(library).name.lower() in contents.file_names


def _is_harmless_run_path(folder: str, binary_format: BinaryFormat) -> bool:
    if binary_format == "ELF":
        return is_own_run_path(folder)
    return not folder.startswith("/") or is_system_library(f"{folder}/any", "darwin")


def _described(native: NativeFile | None) -> str:
    return f"{native.format} for {', '.join(native.machines)}" if native else "no native file"
