"""Keeps an environment for the next build, as long as it's exactly as it was installed.

The digests of all its files are compared: what a build wrote there, or somebody edited, never gets into a binary.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from release_tools.archives import sha256_of

_RECORD: Final = "installed.json"
# At the top of an environment: this record, and the lock that uv takes.
_OWN_FILES: Final = frozenset({_RECORD, ".lock"})
# Python's cache, which it compares with the source files.
_CACHE: Final = "__pycache__"


def key_of(texts: Iterable[str], programs: Iterable[Path]) -> str:
    """What an environment is made from: texts, such as the lock's requirements, and programs by size and time."""
    states = [(str(path), (status := path.resolve().stat()).st_size, status.st_mtime_ns) for path in programs]
    return hashlib.sha256(json.dumps([*texts, *states]).encode()).hexdigest()


def is_made_from(folder: Path, key: str) -> bool:
    """Whether the environment was made from the same, whatever has happened to it since."""
    return _read_record(folder)[0] == key


def is_as_installed(folder: Path, key: str) -> bool:
    """Whether it was made from the same, and all its files are as they were then."""
    return _read_record(folder) == (key, _digest_of(folder))


def record_installed(folder: Path, key: str) -> None:
    """Record what the environment was made from, and how it is now."""
    text = json.dumps([key, _digest_of(folder)])
    unfinished = folder / f"{_RECORD}.new"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / _RECORD)


def _read_record(folder: Path) -> tuple[object, object]:
    try:
        key, digest = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None, None
    return key, digest


def _digest_of(folder: Path) -> str:
    """A digest of the names and contents of all files, links and empty folders."""
    paths = list(_entries(folder))
    with ThreadPoolExecutor(os.process_cpu_count() if hasattr(os, "process_cpu_count") else None) as pool:
        states = pool.map(_state_of, paths)
        listed = [(path.relative_to(folder).as_posix(), state) for path, state in zip(paths, states, strict=True)]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _entries(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != _CACHE)
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        names = sorted(name for name in files if here != folder or name not in _OWN_FILES)
        yield from (here / name for name in (*links, *names))
        if not folders and not files:
            yield here


def _state_of(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    return "folder" if path.is_dir() else f"{os.access(path, os.X_OK)} {sha256_of(path)}"
