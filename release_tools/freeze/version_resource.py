"""The version resource of a Windows executable, shown in its properties and the Task Manager.

It's made from the installed project's metadata only, as `--version` is, so it doesn't depend on machine or time.
"""

import re
from dataclasses import dataclass
from importlib.metadata import Distribution
from typing import Any, Final

from packaging.version import Version

# Each number has 16 bits (VS_FIXEDFILEINFO in the Windows API).
_LARGEST_NUMBER: Final = 0xFFFF
_PRERELEASE_FLAG: Final = 0x2
_WINDOWS_NT: Final = 0x40004
_APPLICATION: Final = 0x1
_AMERICAN_ENGLISH, _UTF_16 = 0x0409, 1200


@dataclass(frozen=True, kw_only=True)
class VersionResource:
    """Windows' version strings by name, and four numbers for programs that compare versions."""

    numbers: tuple[int, ...]
    is_prerelease: bool
    texts: tuple[tuple[str, str], ...]


def make_version_resource(project: Distribution, executable_name: str) -> VersionResource:
    """The version resource of an installed project's executable with this file name."""
    version = Version(project.version)
    metadata = {key: project.metadata.get(key, "") for key in ("Name", "Summary", "License-Expression")}
    texts = {
        "CompanyName": _authors(project),
        # If this is empty, the Task Manager shows a blank name.
        "FileDescription": metadata["Summary"] or metadata["Name"],
        "FileVersion": project.version,
        "InternalName": executable_name.removesuffix(".exe"),
        "LegalCopyright": metadata["License-Expression"],
        "OriginalFilename": executable_name,
        "ProductName": metadata["Name"],
        "ProductVersion": project.version,
    }
    return VersionResource(
        numbers=version_numbers(version),
        is_prerelease=version.is_prerelease or version.local is not None,
        texts=tuple((name, text) for name, text in texts.items() if text),
    )


def version_numbers(version: Version) -> tuple[int, ...]:
    """A version of any length as four numbers."""
    return tuple(min(number, _LARGEST_NUMBER) for number in (*version.release, 0, 0, 0)[:4])


# Any: PyInstaller's class is untyped, and only exists on Windows.
def to_pyinstaller(resource: VersionResource) -> Any:
    """The resource as PyInstaller's `EXE` takes it; on Windows only."""
    from PyInstaller.utils.win32 import versioninfo  # noqa: PLC0415 - fails on other systems

    numbers = resource.numbers
    fixed = versioninfo.FixedFileInfo(
        filevers=numbers,
        prodvers=numbers,
        mask=_PRERELEASE_FLAG,
        flags=_PRERELEASE_FLAG if resource.is_prerelease else 0,
        OS=_WINDOWS_NT,
        fileType=_APPLICATION,
        subtype=0,
        date=(0, 0),
    )
    texts = [versioninfo.StringStruct(name, text) for name, text in resource.texts]
    table = versioninfo.StringTable(f"{_AMERICAN_ENGLISH:04X}{_UTF_16:04X}", texts)
    translation = versioninfo.VarStruct("Translation", [_AMERICAN_ENGLISH, _UTF_16])
    kinds = [versioninfo.StringFileInfo([table]), versioninfo.VarFileInfo([translation])]
    return versioninfo.VSVersionInfo(ffi=fixed, kids=kinds)


def _authors(project: Distribution) -> str:
    """The authors' names without email addresses."""
    named = re.sub(r"\s*<[^>]*>", "", project.metadata.get("Author-email", "") or "")
    return project.metadata.get("Author", "") or named
