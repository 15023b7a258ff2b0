"""Checks of every native file in the executable, for faults that a start doesn't reveal.

A library that loads late breaks on the user's machine, in the command that needs it, not in `--version`.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from release_tools.binaries.native_files import NativeFile, is_relative_rpath
from release_tools.binaries.symbol_versions import RUNTIME_LIBRARIES
from release_tools.binaries.system_libraries import is_of_display, is_system_library
from release_tools.distributions import module_name
from release_tools.findings import list_setting
from release_tools.lockfile import normalized_name
from release_tools.platforms import BinaryFormat
from release_tools.verification.check import CheckSkippedError, Passed, VerificationContext, refuse
from release_tools.verification.static.native_contents import NativeContents, contents_of, native_contents

# The lower-case file names of toolkits for windows: Tk, Qt, GTK, wxWidgets, SDL and GLFW.
_TOOLKIT: Final = re.compile(
    r"_tkinter\.|libtk\d|tk\d+\w*\.dll|(lib)?qt\d?\w*gui|libgtk-|libgdk-|libwx_|libsdl|libglfw"
)


def check_member_architectures(context: VerificationContext) -> str:
    """Every native member has the platform's format and includes its architecture."""
    wanted = f"{context.platform.binary_format} for {context.platform.arch}"
    members = native_contents(context).members
    wrong = {
        name: native
        for name, native in members.items()
        if native is None
        or native.format != context.platform.binary_format
        or context.platform.arch not in native.machines
    }
    refuse(
        context,
        (f"{name} is {_described(native)}" for name, native in wrong.items()),
        what=f"native files that aren't {wanted}",
        hint=f"use a release of the package with a wheel for {context.platform.name}, or exclude the modules that load "
        "the file"
        if any(wrong.values())
        else "a file with the name of a library isn't one: rename it if it's the project's, or use another release of "
        "its package",
    )
    return f"{len(members)} members, {wanted}"


def check_needed_libraries(context: VerificationContext) -> Passed:
    """Every library that a native file needs is bundled, or part of the system.

    An app with windows may need what every system with windows has.
    """
    contents = native_contents(context)
    toolkit = next(filter(_TOOLKIT.match, sorted(contents.file_names)), "")
    missing = {
        (name, library)
        for name, native in contents.libraries
        for library in native.libraries
        if not is_system_library(library, context.platform.os)
        and not _is_bundled(library, contents)
        and not _is_left_to_the_system(library, context)
    }
    of_display = {pair for pair in missing if toolkit and is_of_display(pair[1], context.platform.os)}
    # PyInstaller bundles what it finds on the build machine, and what a wheel lacks is missing from source too.
    of_dependencies = {pair for pair in missing - of_display if _is_of_dependency(pair[0], context)}
    missing -= of_display | of_dependencies
    # It starts before anything is unpacked, so no bundled library can help.
    early = {
        f"{contents.executable_name} needs {library} before it unpacks anything"
        for library in (contents.executable.libraries if contents.executable else ())
        if not is_system_library(library, context.platform.os)
    }
    refuse(
        context,
        {*map(_need, missing), *early},
        what="libraries that are neither bundled nor part of the system",
        hint="if the build machine lacks the library, install it there; PyInstaller leaves those of the display and "
        "the graphics driver to the user's system, so exclude the module that needs one unless every user has it",
        cure=_exclusion(context, {*(name for name, _ in missing), *([contents.executable_name] if early else [])}),
    )
    notes = (
        *(f"{_need(pair)} of the display, as the app has windows ({toolkit})" for pair in sorted(of_display)),
        *(f"{_need(pair)}, which no wheel brings along" for pair in sorted(of_dependencies)),
    )
    return Passed(figure=f"all found for {len(contents.libraries)} members", notes=notes)


def check_executable_stacks(context: VerificationContext) -> str:
    """No native file asks for an executable stack, which glibc 2.41 and hardened kernels refuse."""
    files = contents_of(context, "ELF").files
    refuse(
        context,
        (name for name, native in files if native.has_executable_stack),
        what="files with an executable stack, which glibc 2.41 and later refuse to load",
        hint="use another release of the package or Python that the file comes from, or rebuild it with gcc "
        "-Wl,-z,noexecstack",
    )
    return f"none in {len(files)} files"


def check_segment_alignment(context: VerificationContext) -> str:
    """Every segment is aligned in the file as in memory; some versions of strip break this."""
    files = contents_of(context, "ELF").files
    refuse(
        context,
        (f"{name} (segment at {address:#x})" for name, native in files for address in native.misaligned_segments),
        what='misaligned segments ("ELF load command address/offset not page-aligned")',
        hint="some versions of strip break libraries that auditwheel patched: build with a newer binutils",
    )
    return f"none misaligned in {len(files)} files"


def check_rpaths(context: VerificationContext) -> Passed:
    """No native file searches a folder of the build machine for its libraries.

    A dependency's program is bundled byte for byte, so it does what it does from source.
    """
    if context.platform.os == "windows":
        raise CheckSkippedError("PE files have no rpath")
    contents = native_contents(context)
    foreign = {
        f"{name} searches {folder or 'the current folder'}": native.is_program and _is_of_dependency(name, context)
        for name, native in contents.files
        for folder in native.rpaths
        if not _is_safe_rpath(folder, native.format)
    }
    refuse(
        context,
        [finding for finding, is_unchanged in foreign.items() if not is_unchanged],
        what="rpaths outside the bundle, where anyone may put a library",
        hint="remove them with patchelf --remove-rpath or install_name_tool -delete_rpath, or use a wheel without them",
    )
    return Passed(
        figure=f"none in {len(contents.files)} files",
        notes=tuple(
            f"{finding}, as from source: it's an unchanged program of a dependency"
            for finding, is_unchanged in sorted(foreign.items())
            if is_unchanged
        ),
    )


def check_upx(context: VerificationContext) -> Passed:
    """Only what the settings ask for is packed with UPX, which breaks some libraries and triggers virus scanners."""
    files = native_contents(context).files
    packed = [name for name, native in files if native.is_packed]
    if packed and context.settings.is_upx_used and context.platform.can_use_upx:
        return Passed(
            figure=f"{len(packed)} of {len(files)} files, as `upx = true` asks",
            notes=("the leaks check can't read what UPX packed",),
        )
    refuse(
        context,
        packed,
        what="files packed with UPX",
        hint="bundle the unpacked file: UPX breaks some libraries and triggers virus scanners",
    )
    return Passed(figure=f"none of {len(files)} files")


def _exclusion(context: VerificationContext, names: Iterable[str]) -> str:
    """The line of `[tool.release-tools]` that leaves out these extension modules; "" if one is none or own."""
    own = context.evidence.installed.project.modules if context.evidence else ()
    modules = [module_name(name.rpartition("lib-dynload/")[2]) for name in names]
    left_out = [module for module in modules if module is not None and module not in own]
    if len(left_out) < len(modules):
        return ""
    return list_setting("exclude-modules", context.settings.exclude_modules, left_out)


def _is_left_to_the_system(library: str, context: VerificationContext) -> bool:
    # With a floor, the freeze doesn't bundle a runtime that is too new, and the check of the floor covers its versions.
    return context.settings.glibc_floor is not None and library in RUNTIME_LIBRARIES


def _is_of_dependency(name: str, context: VerificationContext) -> bool:
    own = {None, "", normalized_name(context.settings.project_name)}
    return native_contents(context).owners.get(name) not in own


def _need(pair: tuple[str, str]) -> str:
    """The finding that a file needs a library."""
    return f"{pair[0]} needs {pair[1]}"


def _is_bundled(library: str, contents: NativeContents) -> bool:
    # macOS takes an absolute name literally; the others are found by their last part.
    return not library.startswith("/") and PurePosixPath(library).name.lower() in contents.file_names


def _is_safe_rpath(folder: str, binary_format: BinaryFormat) -> bool:
    if binary_format == "ELF":
        return is_relative_rpath(folder)
    return not folder.startswith("/") or is_system_library(f"{folder}/any", "darwin")


def _described(native: NativeFile | None) -> str:
    return f"{native.format} for {', '.join(native.machines)}" if native else "not a native file"
