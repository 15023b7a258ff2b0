"""Checks that the bundle has the files it should, none that only the build needs, and no path too long for Windows."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from release_tools.binaries.native_files import format_of
from release_tools.binaries.payload import BINARY, DATA, UNPACKED, Payload
from release_tools.binaries.rpaths import clean_rpaths
from release_tools.binaries.stripping import is_strippable
from release_tools.distributions import InstalledDistribution, RecordedFile, source_module
from release_tools.findings import list_setting
from release_tools.freeze.selection import is_excluded_module, notes_on_left_out, select
from release_tools.lockfile import normalized_name
from release_tools.verification.check import CheckSkippedError, Passed, VerificationContext, refuse
from release_tools.verification.static.sizes import BOOTSTRAP, measure_sizes
from release_tools.verification.suite.coverage import read_contents

_MISSING_HINT: Final = (
    "import the module from source: PyInstaller silently drops one that doesn't compile; if the app doesn't need it, "
    "add it to exclude-modules or exclude-files of [tool.release-tools]"
)

# MAX_PATH of the Windows API includes a final zero. Longer paths take a setting that only administrators can change.
_LONGEST_PATH: Final = 259
# Windows user names have at most 20 characters.
_TEMPORARY_FOLDER: Final = rf"C:\Users\{'n' * 20}\AppData\Local\Temp"
# `_MEI`, the bootloader's process id in eight digits, and random characters.
_BUNDLE_FOLDER: Final = "_MEI" + 8 * "0" + 8 * "x"
_LONGEST_NAME: Final = _LONGEST_PATH - len(f"{_TEMPORARY_FOLDER}\\{_BUNDLE_FOLDER}\\")


def check_bundled_files(context: VerificationContext) -> Passed:
    """The bundle has the selected modules and files of the app's distributions, and all their metadata."""
    installed = context.build.installed
    selection = select(context.settings, installed)
    contents = read_contents(context.executable)
    whole = map(installed.require, context.settings.bundled_whole)
    sources = [file.path for one in whole for file in one.files if _is_bundled_source(file.path, context)]
    metadata = [f"{folder}/{Path(source).name}" for one in installed.bundled for source, folder in one.metadata_files]
    records = [f"{one.metadata_folder.name}/RECORD" for one in installed.bundled]
    absent = [
        module
        for module in selection.modules
        if not contents.has_module(module) and selection.extensions.get(module) not in contents.files
    ]
    invalid = _invalid_modules(absent, installed.dependencies)
    missing = {
        *(f"module {module}" for module in absent if module not in invalid),
        *(f"file {path}" for path in (*selection.files, *sources, *metadata, *records) if not contents.has_file(path)),
    }
    refuse(context, missing, what="modules and files missing from the binary", hint=_MISSING_HINT, cure="")
    figures = f"{len(selection.modules):,} modules, {len(selection.files):,} files"
    return Passed(
        figure=f"{figures} of {len(installed.bundled)} distributions",
        notes=(
            *notes_on_left_out(selection.left_out),
            *(f"not valid Python from source either: {module}" for module in invalid),
        ),
    )


def check_data_digests(context: VerificationContext) -> str:
    """Every bundled file of a distribution is the one that its RECORD, and so the lock, names.

    Native libraries are stripped, and their rpaths cleaned; others, such as programs, keep every byte.
    """
    installed: dict[str, tuple[Path, RecordedFile]] = {}
    for one in context.build.installed.bundled:
        installed |= {path: (one.locate(file.path), file) for path, file in one.bundle_record.items() if file.digest}
    payload = Payload(context.executable)
    # PyInstaller marks executable text files as binaries.
    members = [member for member in payload.members if member.kind in {BINARY, DATA} and member.name in installed]
    refuse(
        context,
        [member.name for member in members if not _is_as_installed(payload.read(member), *installed[member.name])],
        what="files that differ from their distribution's",
        hint="delete the build folder and build again; if they still differ, one of PyInstaller's hooks changes them",
    )
    return f"{len(members):,} files are as in their wheels"


def _is_as_installed(content: bytes, path: Path, file: RecordedFile) -> bool:
    if file.has_content(content):
        return True
    if format_of(content) != "ELF":
        # On macOS, PyInstaller signs native files and keeps one architecture.
        return format_of(content) is not None
    return is_strippable(path) or clean_rpaths(path.read_bytes()) == content


def check_build_only_distributions(context: VerificationContext) -> str:
    """Nothing in the bundle comes from a distribution that is locked for the build only."""
    sizes = measure_sizes(context.executable, context.build.installed)
    unwanted = context.build.installed.build_only
    # Every executable has PyInstaller's bootloader.
    found = [name for name in sizes if name != BOOTSTRAP and normalized_name(name) in unwanted]
    refuse(
        context,
        found,
        what="build-only distributions in the binary",
        hint="if the app needs it, add it to the project's dependencies and run `poetry lock`; if a PyInstaller hook "
        "added it, exclude its modules",
        cure=list_setting("exclude-modules", context.settings.exclude_modules, _packages_of(context, found)),
    )
    return f"none of {len(unwanted)}"


def check_path_lengths(context: VerificationContext) -> str:
    """Every file can be unpacked on Windows, even in the temporary folder of a user with the longest possible name."""
    if context.platform.os != "windows":
        raise CheckSkippedError("applies to windows only")
    names = [member.name for member in Payload(context.executable).members if member.kind in UNPACKED]
    refuse(
        context,
        (f"{name} ({len(name)} characters)" for name in names if len(name) > _LONGEST_NAME),
        what=f"paths longer than the {_LONGEST_NAME} characters that fit in a Windows user's temporary folder",
        hint="shorten the path, or exclude the module or leave out the dependency that it belongs to",
    )
    return f"{max(map(len, names), default=0)} of {_LONGEST_NAME} characters"


def _packages_of(context: VerificationContext, names: Iterable[str]) -> set[str]:
    """The top-level names of these tools."""
    tools = context.build.installed.tools_by_name
    return {package for name in names for package in tools[normalized_name(name)].packages}


def _invalid_modules(missing: Iterable[str], dependencies: Iterable[InstalledDistribution]) -> list[str]:
    """The missing modules of dependencies that don't compile, such as templates and code for Python 2."""
    wanted = set(missing)
    sources = {
        name: one.locate(file.path)
        for one in (dependencies if wanted else ())
        for file in one.files
        if (name := source_module(file.path)) in wanted and name is not None
    }
    return sorted(name for name, path in sources.items() if not _compiles(path))


def _compiles(path: Path) -> bool:
    try:
        compile(path.read_bytes(), path.name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _is_bundled_source(path: str, context: VerificationContext) -> bool:
    name = source_module(path)
    return name is not None and not is_excluded_module(name, context.settings.exclude_modules)
