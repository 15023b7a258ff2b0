"""The oldest systems that the executable runs on, worked out over every native file in it.

A start on an older system proves nothing: the library that asks for more may be loaded late. For a version of the app
the project's settings are the limit, a dev build only states the figure.
"""

from pathlib import PurePosixPath

from release_tools.binaries.compiler_runtime import RUNTIME_LIBRARIES, runtime_versions
from release_tools.binaries.symbol_versions import NewestVersion, Version, as_version, comparable, newest_versions
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static.native_contents import contents_of, native_files


def check_glibc_floor(context: VerificationContext) -> str:
    """The newest symbol versions that any native file needs; glibc's has a limit, and so has a runtime not bundled."""
    contents = contents_of(context, "ELF")
    newest = newest_versions(native_files(context, contents))
    limit = context.settings.glibc_floor
    figures = [
        f"{library} {_dotted(newest[library].version)} ({PurePosixPath(newest[library].file).name})"
        for library in ("GLIBC", "GLIBCXX", "CXXABI", "GCC")
        if library in newest
    ]
    if limit is not None and "GLIBC" in newest:
        _keep_limit(context, "glibc-floor", limit, newest["GLIBC"].version, newest["GLIBC"].file)
    if limit is not None:
        left = [
            name for library, names in RUNTIME_LIBRARIES.items() if library not in contents.file_names for name in names
        ]
        _keep_runtime(context, limit, {name: newest[name] for name in left if name in newest})
    return f"{', '.join(figures) or 'no versioned symbols'}; {_stated('glibc-floor', limit)}"


def _keep_runtime(context: VerificationContext, floor: str, left_to_the_system: dict[str, NewestVersion]) -> None:
    """What is left to the system has to be there on the oldest one."""
    for name, newest in left_to_the_system.items():
        oldest = runtime_versions(floor)[name]
        if newest.version > oldest and not context.version.is_dev:
            raise CheckFailedError(
                f"{newest.file} needs {name}_{_dotted(newest.version)} of the system, and systems "
                f"with glibc {floor} have up to {_dotted(oldest)}",
                "take an older wheel of it, or raise glibc-floor in [tool.release-tools]",
            )


def check_macos_minimum(context: VerificationContext) -> str:
    """The newest macOS that any native file asks for; it has a limit."""
    files = native_files(context, contents_of(context, "MACHO"))
    version, name = max(
        ((native.macos_minimum(context.platform.arch), name) for name, native in files), default=((), "")
    )
    limit = context.settings.macos_minimum
    if limit is not None:
        _keep_limit(context, "macos-minimum", limit, version, name)
    return f"macOS {_dotted(version)} ({PurePosixPath(name).name}); {_stated('macos-minimum', limit)}"


def _keep_limit(context: VerificationContext, key: str, limit: str, version: Version, name: str) -> None:
    if context.version.is_dev or comparable(version) <= as_version(limit):
        return
    raise CheckFailedError(
        f"{name} needs {_dotted(version)}, which is newer than {key} {limit}",
        "where it is Python's own file, build with uv's Python, which is made for old systems (set "
        f"UV_PYTHON_PREFERENCE=only-managed); otherwise take an older wheel, or raise {key} in [tool.release-tools]",
    )


def _stated(key: str, limit: str | None) -> str:
    return f"no {key} is set" if limit is None else f"{key} is {limit}"


def _dotted(version: Version) -> str:
    return ".".join(map(str, version)) or "of any version"
