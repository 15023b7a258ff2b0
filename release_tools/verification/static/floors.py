"""Checks of the oldest systems the executable runs on, over every native file in it.

A start on an old system doesn't prove this: a library that needs a newer one may load late. The limits in the
settings apply to versions of the app; a dev build only reports the figures.
"""

from collections.abc import Mapping
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
from release_tools.findings import toml_string
from release_tools.settings_schema import GLIBC_FLOORS
from release_tools.verification.check import VerificationContext, refuse
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
    if limit is not None:
        needs = _newer(limit, newest["GLIBC"].version, newest["GLIBC"].file) if "GLIBC" in newest else {}
        unbundled = [
            name for library, names in RUNTIME_LIBRARIES.items() if library not in contents.file_names for name in names
        ]
        runtimes = {name: newest[name] for name in unbundled if name in newest}
        needs |= _newer_runtimes(limit, runtimes)
        _refuse(context, "glibc-floor", limit, needs, _lowest_floor(newest, runtimes) if needs else "")
    return f"{', '.join(figures) or 'no versioned symbols'}; {_described('glibc-floor', limit)}"


def check_macos_minimum(context: VerificationContext) -> str:
    """No native file needs a macOS newer than `macos-minimum`."""
    files = contents_of(context, "MACHO").files
    version, name = max(
        ((native.macos_minimum(context.platform.arch), name) for name, native in files), default=((), "")
    )
    limit = context.settings.macos_minimum
    if limit is not None:
        _refuse(context, "macos-minimum", limit, _newer(limit, version, name), _dotted(version))
    return f"macOS {_dotted(version)} ({PurePosixPath(name).name}); {_described('macos-minimum', limit)}"


def _newer(limit: str, version: Version, name: str) -> dict[str, str]:
    """What the file needs, if that's newer than the limit."""
    return {name: f"needs {_dotted(version)}"} if comparable(version) > as_version(limit) else {}


def _newer_runtimes(floor: str, unbundled: Mapping[str, NewestVersion]) -> dict[str, str]:
    provided = {name: runtime_versions(floor)[name] for name in unbundled}
    return {
        newest.file: f"needs {name}_{_dotted(newest.version)}, but systems with glibc {floor} only have "
        f"{name}_{_dotted(provided[name])}"
        for name, newest in unbundled.items()
        if newest.version > provided[name]
    }


def _lowest_floor(newest: Mapping[str, NewestVersion], runtimes: Mapping[str, NewestVersion]) -> str:
    """The lowest `glibc-floor` whose systems have this glibc and these runtimes; "" if there is none."""
    glibc = newest["GLIBC"].version if "GLIBC" in newest else ()
    return next(
        (
            floor
            for floor in GLIBC_FLOORS
            if comparable(glibc) <= as_version(floor) and not _newer_runtimes(floor, runtimes)
        ),
        "",
    )


def _refuse(context: VerificationContext, key: str, limit: str, needs: dict[str, str], wanted: str) -> None:
    """Refuse the files that need a newer system, except for a dev build; `wanted` is the limit that would pass."""
    if context.version.is_dev:
        return
    refuse(
        context,
        needs,
        what=f"files that need a newer system than {key} {limit}",
        hint="if it's Python's own file, build with uv's Python, which runs on old systems (set "
        f"UV_PYTHON_PREFERENCE=only-managed); otherwise use an older wheel, or raise {key} in [tool.release-tools]",
        cure=f"{key} = {toml_string(wanted)}" if wanted else "",
    )


def _described(key: str, limit: str | None) -> str:
    return f"{key} is not set" if limit is None else f"{key} is {limit}"


def _dotted(version: Version) -> str:
    return ".".join(map(str, version)) or "any version"
