"""Checks that the bundle has the files it should, none that only the build needs, and no path too long for Windows."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from release_tools.binaries.payload import UNPACKED, Payload
from release_tools.distributions import module_name
from release_tools.findings import list_setting
from release_tools.freeze.hidden_imports import namespace_modules, without_excluded
from release_tools.lockfile import normalized_name
from release_tools.verification.check import CheckSkippedError, VerificationContext, refuse
from release_tools.verification.static.sizes import BOOTSTRAP, measure_sizes
from release_tools.verification.suite.coverage import read_contents

_MISSING_HINT: Final = (
    "import the module from source: PyInstaller silently drops one that doesn't compile; if the bundle doesn't need "
    "it, add it to exclude-modules of [tool.release-tools]"
)

# MAX_PATH of the Windows API includes a final zero. Longer paths take a setting that only administrators can change.
_LONGEST_PATH: Final = 259
# Windows user names have at most 20 characters.
_TEMPORARY_FOLDER: Final = rf"C:\Users\{'n' * 20}\AppData\Local\Temp"
# `_MEI`, the bootloader's process id in eight digits, and random characters.
_BUNDLE_FOLDER: Final = "_MEI" + 8 * "0" + 8 * "x"
_LONGEST_NAME: Final = _LONGEST_PATH - len(f"{_TEMPORARY_FOLDER}\\{_BUNDLE_FOLDER}\\")


def check_project_files(context: VerificationContext) -> str:
    """The bundle has all files of the project and of `whole-distributions`, and all metadata the app can look up."""
    settings = context.settings
    contents = read_contents(context.executable)
    installed = context.build.installed
    whole = [installed.require(name) for name in settings.bundled_whole]
    modules = without_excluded([name for one in whole for name in one.source_modules], settings.exclude_modules)
    files = [file.path for one in whole for file in one.files if _is_wanted(file.path, settings.exclude_modules)]
    metadata = [f"{folder}/{Path(source).name}" for one in installed.bundled for source, folder in one.metadata_files]
    missing = {
        *(f"module {module}" for module in modules if not contents.has_module(module)),
        *(f"file {path}" for path in (*files, *metadata) if not contents.has_file(path)),
    }
    refuse(context, missing, what="project files missing from the binary", hint=_MISSING_HINT)
    return f"{len(modules)} modules, {len(files)} files, metadata of {len(installed.bundled)} distributions"


def check_namespace_packages(context: VerificationContext) -> str:
    """The bundle has every module of the dependencies' namespace packages, where plugins are discovered by listing."""
    dependencies = context.build.installed.dependencies
    modules = without_excluded(namespace_modules(dependencies), context.settings.exclude_modules)
    if not modules:
        raise CheckSkippedError("no locked distribution has a namespace package")
    contents = read_contents(context.executable)
    refuse(
        context,
        (module for module in modules if not contents.has_module(module)),
        what="namespace package modules missing from the binary",
        hint=_MISSING_HINT,
    )
    return f"{len(modules)} modules in {', '.join(sorted({module.partition('.')[0] for module in modules}))}"


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


def _is_wanted(path: str, excluded: Iterable[str]) -> bool:
    name = module_name(path)
    return name is None or bool(without_excluded([name], excluded))
