"""The check of what Windows shows of the executable: its version, its name and what it is."""

import lief
from packaging.version import Version

from release_tools.freeze.version_resource import version_numbers
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext

_HINT = "freeze.spec gives PyInstaller the resource that version_resource.py makes of pyproject.toml's name and texts"


def check_version_resource(context: VerificationContext) -> str:
    """A Windows executable names the product and the exact version, as text and as numbers."""
    if context.platform.os != "windows":
        raise CheckSkippedError("a question for windows only")
    texts, numbers = read_version_resource(context.executable.read_bytes())
    settings = context.settings
    expected = {
        "OriginalFilename": context.executable.name,
        "ProductName": settings.project_name,
        "FileDescription": texts.get("FileDescription") or "(a description)",
    }
    wrong = [
        f"{name} is {texts.get(name, 'missing')!r}, not {text!r}"
        for name, text in expected.items()
        if texts.get(name) != text
    ]
    wrong += [
        f"{name} is {texts.get(name, 'missing')!r}, and --version prints {context.version_line!r}"
        for name in ("FileVersion", "ProductVersion")
        if not context.version.is_printed_as(texts.get(name, ""))
    ]
    if not wrong and numbers != version_numbers(Version(texts["FileVersion"])):
        wrong.append(f"the version in numbers is {'.'.join(map(str, numbers))}")
    if wrong:
        raise CheckFailedError(f"the version resource of {context.executable.name}: {'; '.join(wrong)}", _HINT)
    return f"{texts['ProductName']} {texts['FileVersion']}: {texts['FileDescription']}"


def read_version_resource(content: bytes) -> tuple[dict[str, str], tuple[int, ...]]:
    """The texts by name and the four numbers of a PE file's version resource; both empty where it has none."""
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
