"""Checks of the oldest systems the executable runs on, over every native file in it.

A start on an old system doesn't prove this: a library that needs a newer one may load late. The limits in the
settings apply to versions of the app; a dev build only reports the figures.
"""

from pathlib import PurePosixPath

from release_tools.binaries.symbol_versions import (
    RUNTIME_LIBRARIES,
    NewestVersion,
    Version,
    as_version,
    comparable,
    newest_versions,
    runtime_versions,
)
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static.native_contents import contents_of


def check_glibc_floor(context: VerificationContext) -> str:
    """No native file needs a glibc newer than `glibc-floor`, or a compiler runtime newer than such systems have."""
    contents = contents_of(context, "ELF")
    newest = newest_versions(contents.files)
    limit = context.settings.glibc_floor
    figures = [
        f"{library} {_dotted(newest[library].version)} ({PurePosixPath(newest[library].file).name})"
        for library in ("GLIBC", "GLIBCXX", "CXXABI", "GCC")
        if library in newest
    ]
    if limit is not None and "GLIBC" in newest:
        _refuse_newer(context, "glibc-floor", limit, newest["GLIBC"].version, newest["GLIBC"].file)
    if limit is not None:
        unbundled = [
            name for library, names in RUNTIME_LIBRARIES.items() if library not in contents.file_names for name in names
        ]
        _refuse_newer_runtime(context, limit, {name: newest[name] for name in unbundled if name in newest})
    return f"{', '.join(figures) or 'no versioned symbols'}; {_described('glibc-floor', limit)}"


def check_macos_minimum(context: VerificationContext) -> str:
    """No native file needs a macOS newer than `macos-minimum`."""
    files = contents_of(context, "MACHO").files
    version, name = max(
        ((native.macos_minimum(context.platform.arch), name) for name, native in files), default=((), "")
    )
    limit = context.settings.macos_minimum
    if limit is not None:
        _refuse_newer(context, "macos-minimum", limit, version, name)
    return f"macOS {_dotted(version)} ({PurePosixPath(name).name}); {_described('macos-minimum', limit)}"


def _refuse_newer_runtime(context: VerificationContext, floor: str, unbundled: dict[str, NewestVersion]) -> None:
    for name, newest in unbundled.items():
        provided = runtime_versions(floor)[name]
        if newest.version > provided and not context.version.is_dev:
            raise CheckFailedError(
                f"{newest.file} needs {name}_{_dotted(newest.version)}, but systems with glibc {floor} only have "
                f"{name}_{_dotted(provided)}",
                "use an older wheel of the package, or raise glibc-floor in [tool.release-tools]",
                [newest.file],
            )


def _refuse_newer(context: VerificationContext, key: str, limit: str, version: Version, name: str) -> None:
    if context.version.is_dev or comparable(version) <= as_version(limit):
        return
    raise CheckFailedError(
        f"{name} needs {_dotted(version)}, which is newer than {key} {limit}",
        "if it's Python's own file, build with uv's Python, which runs on old systems (set "
        f"UV_PYTHON_PREFERENCE=only-managed); otherwise use an older wheel, or raise {key} in [tool.release-tools]",
        [name],
    )


def _described(key: str, limit: str | None) -> str:
    return f"{key} is not set" if limit is None else f"{key} is {limit}"


def _dotted(version: Version) -> str:
    return ".".join(map(str, version)) or "any version"
