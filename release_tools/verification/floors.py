"""The oldest systems that the executable runs on, worked out over every native file in it.

A start on an older system proves nothing: the library that asks for more may be loaded late. For a version of the app
the project's settings are the limit, a dev build only states the figure.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from release_tools.verification.check import CheckFailedError, Subject
from release_tools.verification.native_contents import contents_of, native_files

# A file with packed relative relocations asks for this symbol, which glibc has since 2.36 (its NEWS file).
_IMPLIED_VERSIONS: Final = {"GLIBC_ABI_DT_RELR": "GLIBC_2.36"}
_VERSION: Final = re.compile(r"(GLIBC|GLIBCXX|CXXABI)_(\d+(?:\.\d+)*)")


def check_glibc_floor(subject: Subject) -> str:
    """The newest symbol versions that any native file needs; glibc's has a limit."""
    newest: dict[str, tuple[tuple[int, ...], str]] = {}
    for name, native in native_files(subject, contents_of(subject, "ELF")):
        for symbol in native.symbol_versions:
            found = _VERSION.fullmatch(_IMPLIED_VERSIONS.get(symbol, symbol))
            if found:
                version = tuple(map(int, found[2].split(".")))
                newest[found[1]] = max(newest.get(found[1], ((), "")), (version, name), key=lambda item: item[0])
    figures = [
        f"{library} {_dotted(newest[library][0])} ({PurePosixPath(newest[library][1]).name})"
        for library in ("GLIBC", "GLIBCXX", "CXXABI")
        if library in newest
    ]
    version, name = newest.get("GLIBC", ((), ""))
    limit = subject.settings.glibc_floor
    _keep_limit(subject, "glibc-floor", limit, version, name)
    return f"{', '.join(figures) or 'no versioned symbols'}; {_stated('glibc-floor', limit)}"


def check_macos_minimum(subject: Subject) -> str:
    """The newest macOS that any native file asks for; it has a limit."""
    files = native_files(subject, contents_of(subject, "MACHO"))
    version, name = max(
        ((native.macos_minimum(subject.platform.arch), name) for name, native in files), default=((), "")
    )
    limit = subject.settings.macos_minimum
    _keep_limit(subject, "macos-minimum", limit, version, name)
    return f"macOS {_dotted(version)} ({PurePosixPath(name).name}); {_stated('macos-minimum', limit)}"


def _keep_limit(subject: Subject, key: str, limit: str | None, version: tuple[int, ...], name: str) -> None:
    if limit is None or subject.version.is_dev or _comparable(version) <= _comparable(map(int, limit.split("."))):
        return
    raise CheckFailedError(
        f"{name} needs {_dotted(version)}, which is newer than {key} {limit}",
        f"build on an older system, or with an older Python or wheel, or raise {key} in [tool.release-tools]",
    )


def _stated(key: str, limit: str | None) -> str:
    return f"no {key} is set" if limit is None else f"{key} is {limit}"


def _comparable(version: Iterable[int]) -> tuple[int, ...]:
    """Without zeros at the end: 11.0.0 is no newer than 11."""
    numbers = list(version)
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) or "of any version"
