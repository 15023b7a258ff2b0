"""Checks of the version in the executable, which need no start: the bundled metadata, and Windows' version resource."""

from email.parser import HeaderParser
from typing import Final

from packaging.version import Version

from release_tools.binaries.payload import Payload
from release_tools.freeze.version_resource import version_numbers
from release_tools.lockfile import distribution_of, normalized_name
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext

_METADATA: Final = ".dist-info/METADATA"
_HINT: Final = "build the archive again, or download it again; don't rename it"


def check_bundled_version(context: VerificationContext) -> str:
    """The app's bundled metadata has the version in the archive's name."""
    project = context.settings.project_name
    versions = bundled_versions(Payload(context.executable), project)
    if len(versions) == 1 and context.version.is_printed_as(versions[0]):
        return versions[0]
    raise CheckFailedError(
        f"the archive is named {context.version.label}, but the bundled metadata of {project} has "
        f"{' and '.join(versions) or 'no version'}",
        _HINT,
    )


def bundled_versions(payload: Payload, project_name: str) -> tuple[str, ...]:
    """The version in each bundled METADATA file of a distribution.

    Raises `PayloadError`.
    """
    wanted = normalized_name(project_name)
    return tuple(
        HeaderParser().parsestr(payload.read(member).decode("utf-8", errors="backslashreplace")).get("Version", "")
        for member in payload.members
        if member.name.endswith(_METADATA)
        and "/" not in (folder := member.name.removesuffix(_METADATA))
        and distribution_of(folder) == wanted
    )


def check_version_resource(context: VerificationContext) -> str:
    """A Windows executable's version resource names the product and the version `--version` prints."""
    if context.platform.os != "windows":
        raise CheckSkippedError("applies to windows only")
    texts, numbers = read_version_resource(context.executable.read_bytes())
    expected = {
        "OriginalFilename": context.executable.name,
        "ProductName": context.settings.project_name,
        "FileDescription": texts.get("FileDescription") or "(a description)",
    }
    wrong = [
        f"{name} is {texts.get(name, 'missing')!r}, not {text!r}"
        for name, text in expected.items()
        if texts.get(name) != text
    ]
    wrong += [
        f"{name} is {texts.get(name, 'missing')!r}, but --version prints {context.version_line!r}"
        for name in ("FileVersion", "ProductVersion")
        if not context.version.is_printed_as(texts.get(name, ""))
    ]
    if not wrong and numbers != version_numbers(Version(texts["FileVersion"])):
        wrong.append(f"the numeric version is {'.'.join(map(str, numbers))}")
    if wrong:
        raise CheckFailedError(f"wrong version resource in {context.executable.name}", _HINT, wrong)
    return f"{texts['ProductName']} {texts['FileVersion']}: {texts['FileDescription']}"


def read_version_resource(content: bytes) -> tuple[dict[str, str], tuple[int, ...]]:
    """The strings by name and the four version numbers of a PE file's version resource; both empty without one."""
    from release_tools.binaries.quiet_lief import lief  # noqa: PLC0415 - it takes long, and only Windows needs it here

    pe = lief.PE.parse(content)
    manager = pe.resources_manager if pe is not None and pe.has_resources else None
    versions = list(manager.version) if isinstance(manager, lief.PE.ResourcesManager) else []
    if not versions:
        return {}, ()
    found = versions[0]
    fixed = found.file_info
    numbers = tuple(
        half for number in (fixed.file_version_ms, fixed.file_version_ls) for half in (number >> 16, number & 0xFFFF)
    )
    tables = found.string_file_info.children if found.string_file_info else ()
    return {entry.key: entry.value for table in tables for entry in table.entries}, numbers
