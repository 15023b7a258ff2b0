"""Recognizes a build that would only repeat the last one: it would read the same, and what the last one left is intact.

Nox asks before any environment exists. In doubt, the answer is no: whatever isn't known to be irrelevant counts.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from release_tools.archives import sha256_of
from release_tools.bootstrap.environment import isolation, without_environments
from release_tools.platforms import PLATFORMS, Platform, host_platform
from release_tools.settings import ReleaseSettings

STAMP: Final = "finished.json"
_SCHEMA: Final = 1

# Below a project's folder, what builds write and what no build reads.
_OUTPUTS: Final = frozenset({"dist", *(f"build/{platform.name}" for platform in PLATFORMS)})
_UNREAD_FOLDERS: Final = frozenset({".git", "__pycache__"})
# Mark folders that tools can create again: an environment, and a cache (https://bford.info/cachedir/).
_DERIVED_MARKS: Final = frozenset({"pyvenv.cfg", "CACHEDIR.TAG"})

# What belongs to a terminal or a login, and to the folder from which the session was started.
_UNREAD_VARIABLES: Final = re.compile(
    r"_|SHLVL|PWD|OLDPWD|XDG_\w+|SSH_\w+|TMUX\w*|STY|WINDOW\w*|GPG_TTY|DBUS_\w+|VSCODE_\w+|TERM_\w+|KITTY_\w+|ITERM_\w+"
    r"|WT_\w+|VTE_\w+|KONSOLE_\w+|INVOCATION_ID|JOURNAL_STREAM|LINES|COLUMNS"
)

# They change when the system's packages do: the system's libraries, and programs such as strip.
_STATE_OF_SYSTEM: Final = (
    "/etc/os-release",
    "/etc/ld.so.cache",
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/var/lib/pacman/local",
    "/lib/apk/db/installed",
    "/System/Library/CoreServices/SystemVersion.plist",
)


def digest_of_inputs(
    settings: ReleaseSettings,
    platform: Platform,
    options: Sequence[str],
    *,
    python: Path,
    uv: Path,
    environment: Mapping[str, str],
) -> str | None:
    """A digest of everything that a build reads, or None if some of it can't be read.

    `options` are what was asked for, and the version with its commit. Of Python and the system, sizes and times count;
    of the project's folder, the contents of all files, also those that git ignores: a wheel or a test may use them.
    """
    digest = hashlib.sha256()

    def add(*values: object) -> None:
        digest.update(json.dumps(values).encode() + b"\n")

    try:
        add(_SCHEMA, platform.name, host_platform().name, _system_version(), *options)
        add(*_variables(environment))
        system = filter(os.path.lexists, map(Path, _STATE_OF_SYSTEM))
        for path in (uv, *_files_of_python(python), *system):
            status = path.stat()
            add(str(path), status.st_size, status.st_mtime_ns)
        for path in _files_of_project(settings.root):
            add(path.relative_to(settings.root).as_posix(), os.access(path, os.X_OK), sha256_of(path))
    except OSError:
        return None
    return digest.hexdigest()


def unchanged_digest(settings: ReleaseSettings, folder: Path, inputs: str, files: Sequence[Path]) -> str | None:
    """The sha256 of the first of these files, if the last build in `folder` had these inputs and left all of them.

    A file counts only with the digest that it had then. A stamp that's missing, damaged or another build's counts as
    none.
    """
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        are_same = stamp == _stamp(settings, inputs, files)
    except (OSError, ValueError, RecursionError):
        return None
    return stamp["files"][_name(settings, files[0])] if are_same else None


def write_stamp(settings: ReleaseSettings, folder: Path, inputs: str, files: Sequence[Path]) -> None:
    """Record what a build read, and the digests of what it left."""
    # Whole or not at all.
    unfinished = folder / f"{STAMP}.new"
    unfinished.write_text(json.dumps(_stamp(settings, inputs, files), indent=1), encoding="utf-8")
    unfinished.replace(folder / STAMP)


def delete_stamp(folder: Path) -> None:
    (folder / STAMP).unlink(missing_ok=True)


def _stamp(settings: ReleaseSettings, inputs: str, files: Sequence[Path]) -> dict[str, Any]:
    digests = {_name(settings, path): sha256_of(path) for path in files}
    return {"schema": _SCHEMA, "inputs": inputs, "files": digests}


def _name(settings: ReleaseSettings, path: Path) -> str:
    return path.relative_to(settings.root).as_posix()


def _system_version() -> str:
    # The functions of `platform` start programs, and containers have new host names.
    if sys.platform == "win32":
        return str(sys.getwindowsversion())
    system = os.uname()
    return f"{system.sysname} {system.release} {system.version} {system.machine}"


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What programs of the build get, in order of name."""
    removed = {*isolation(environment), "PYTHONDONTWRITEBYTECODE"}
    for name, value in sorted(environment.items()):
        if name not in removed and not _UNREAD_VARIABLES.fullmatch(name):
            yield name, without_environments(value) if name == "PATH" else value


def _files_of_python(python: Path) -> Iterator[Path]:
    """The interpreter and its standard library. Raises `FileNotFoundError` if that isn't at one of the usual places."""
    real = python.resolve()
    version = re.search(r"python3\.\d+", real.name)
    places = [real.parent / "Lib", *([real.parents[1] / "lib" / version[0]] if version else [])]
    library = next(filter(Path.is_dir, places), None)
    if library is None:
        raise FileNotFoundError(places[-1])
    yield real
    yield from _walk(library, lambda folder: folder.name in {"site-packages", "__pycache__"})


def _files_of_project(root: Path) -> Iterator[Path]:
    def is_unread(folder: Path) -> bool:
        return (
            folder.name in _UNREAD_FOLDERS
            or folder.relative_to(root).as_posix() in _OUTPUTS
            or any((folder / mark).exists() for mark in _DERIVED_MARKS)
        )

    yield from _walk(root, is_unread)


def _walk(root: Path, is_left_out: Callable[[Path], bool]) -> Iterator[Path]:
    """All files below a folder, in a fixed order; a folder that links lead to several times only once."""
    seen = set()
    for place, folders, files in os.walk(root, onerror=_raise, followlinks=True):
        folder = Path(place)
        folders[:] = sorted(name for name in folders if not is_left_out(folder / name))
        if (real := folder.resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (path for name in sorted(files) if (path := folder / name).is_file())


def _raise(error: OSError) -> None:
    raise error
