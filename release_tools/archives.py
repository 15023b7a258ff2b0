"""Writes the archive that users download, reproducibly, and its checksum; unpacks archives without trusting them."""

import gzip
import hashlib
import shutil
import stat
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final

from release_tools.errors import NothingToMeasureError, UnsafeArchiveError
from release_tools.platforms import Platform

EXECUTABLE_MODE: Final = 0o755
FILE_MODE: Final = 0o644
# Levels of gzip and zip: the smallest output, and none at all.
BEST_LEVEL: Final = 9
FASTEST_LEVEL: Final = 0

# 1980-01-01, the earliest time in a zip file.
ZIP_EPOCH: Final = 315532800
# The system that members come from, on every host: keeps the bytes equal, and modes are stored.
_UNIX: Final = 3

# Beyond these an archive counts as a zip bomb. Ours have three members and compress to a third.
_MOST_MEMBERS: Final = 100
_LARGEST_RATIO: Final = 100
_SMALL: Final = 256 * 1024 * 1024
# `tarfile` reads a header in one piece; real ones have a few kilobytes at most.
_LONGEST_READ: Final = 1024 * 1024
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file for an archive, at its root."""

    name: str
    path: Path
    mode: int


def write_archive(archive: Path, members: Sequence[Member], modified: int, *, level: int = BEST_LEVEL) -> None:
    """Write a .tar.gz or .zip file, by the suffix. Every member gets the time `modified` (seconds since 1970).

    `level` is that of the compression, from `FASTEST_LEVEL` to `BEST_LEVEL`.
    """
    ordered = sorted(members, key=lambda member: member.name)
    if archive.suffix == ".zip":
        _write_zip(archive, ordered, max(modified, ZIP_EPOCH), level)
    else:
        _write_tar(archive, ordered, modified, level)


def unpack_archive(archive: Path, folder: Path) -> tuple[str, ...]:
    """Unpack into `folder`, after emptying it; returns the member names in the archive's order.

    Raises `UnsafeArchiveError`, and leaves the folder empty, for a damaged file or a zip bomb, and for a member that
    isn't a regular file at the root, has an unsafe or unprintable name, or occurs twice. Raises `OSError` if the
    folder can't be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with _reading(archive):
            return _unpack_zip(archive, folder) if archive.suffix == ".zip" else _unpack_tar(archive, folder)
    except BaseException:
        for path in folder.iterdir():
            path.unlink()
        raise


def member_modes(archive: Path) -> dict[str, int]:
    """The permission bits of every member, by name."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            return {entry.filename: stat.S_IMODE(entry.external_attr >> 16) for entry in opened.infolist()}
    with tarfile.open(archive, "r:gz") as opened:
        return {entry.name: stat.S_IMODE(entry.mode) for entry in opened.getmembers()}


def newest_archive(folders: Sequence[Path], executable: str, platform: Platform) -> Path:
    """The newest archive of a platform in the first of these folders that has one.

    Raises `NothingToMeasureError` if there is none.
    """
    for folder in folders:
        found = folder.glob(f"{executable}-*-{platform.name}{platform.archive_suffix}")
        archives = sorted(found, key=lambda path: path.stat().st_mtime)
        if archives:
            return archives[-1]
    raise NothingToMeasureError(platform.name)


def differing_members(first: Path, second: Path) -> list[str]:
    """The names of the members that differ, or the archive's own if only the container does.

    Unpacks both next to themselves.
    """
    if sha256_of(first) == sha256_of(second):
        return []
    contents = []
    for archive in (first, second):
        folder = archive.with_name(f"{archive.name}.unpacked")
        names = unpack_archive(archive, folder)
        contents.append({(name, sha256_of(folder / name)) for name in names})
    return sorted({name for name, _ in contents[0] ^ contents[1]}) or [first.name]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_path(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.sha256")


def write_checksum(archive: Path) -> Path:
    """Write `<archive>.sha256` in the format that `sha256sum -c` and `shasum -a 256 -c` read."""
    path = checksum_path(archive)
    path.write_text(checksum_line(archive), encoding="ascii", newline="\n")
    return path


def checksum_line(archive: Path) -> str:
    return f"{sha256_of(archive)}  {archive.name}\n"


def place_archive(staged: Path, folder: Path) -> Path:
    """Copy an archive and its checksum into `folder`; returns the archive's new path.

    A checksum is never next to another build's archive. Both files are copied before either replaces an old one,
    because `folder` may be a symbolic link to another disk, which may be full.
    """
    folder.mkdir(exist_ok=True)
    placed = folder / staged.name
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as incoming:
        copies = [Path(shutil.copy(path, incoming)) for path in (staged, checksum_path(staged))]
        checksum_path(placed).unlink(missing_ok=True)
        for copy in copies:
            copy.replace(folder / copy.name)
    return placed


def _write_tar(archive: Path, members: Sequence[Member], modified: int, level: int) -> None:
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=level, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as opened,
    ):
        for member in members:
            entry = tarfile.TarInfo(member.name)
            entry.size = member.path.stat().st_size
            entry.mode = member.mode
            entry.mtime = modified
            entry.uname = entry.gname = "root"
            with member.path.open("rb") as content:
                opened.addfile(entry, content)


def _write_zip(archive: Path, members: Sequence[Member], modified: int, level: int) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        for member in members:
            entry = zipfile.ZipInfo(member.name, date_time=time.gmtime(modified)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = (stat.S_IFREG | member.mode) << 16
            # The level of the zip file doesn't count for an entry like this.
            opened.writestr(entry, member.path.read_bytes(), compresslevel=level)


def write_stored_zip(path: Path, contents: Iterable[tuple[str, bytes]]) -> Path:
    """Write a zip file with these members, in this order, uncompressed and without times; returns its path.

    The same contents give the same bytes on every host. Missing folders around it are created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as opened:
        for name, content in contents:
            # A new entry has the first date that the format knows.
            entry = zipfile.ZipInfo(name)
            entry.create_system = _UNIX
            opened.writestr(entry, content)
    return path


class _BoundedGzip(gzip.GzipFile):
    """A gzip stream that refuses to decompress more than `limit` bytes, or to read many at once."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path, "rb")
        self._limit = limit

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _LONGEST_READ:
            raise tarfile.ReadError(f"a header claims {size} bytes")
        self._keep_limit(self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._keep_limit(offset)
        return super().seek(offset, whence)

    def _keep_limit(self, position: int) -> None:
        if position > self._limit:
            raise tarfile.ReadError("it expands far beyond its size")


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turn every error of a reader into `UnsafeArchiveError`, except errors of the disk."""
    try:
        yield
    except UnsafeArchiveError:
        raise
    except OSError as error:
        # gzip raises `OSError` without a number for a damaged stream.
        if error.errno is not None:
            raise
        raise _unreadable(archive, error) from None
    except Exception as error:  # noqa: BLE001 - the standard library's readers raise many kinds of errors
        raise _unreadable(archive, error) from None


def _unreadable(archive: Path, error: Exception) -> UnsafeArchiveError:
    return UnsafeArchiveError(archive, "(the whole file)", f"cannot be read: {str(error) or type(error).__name__}")


def _largest_contents(archive: Path) -> int:
    return max(_SMALL, _LARGEST_RATIO * archive.stat().st_size)


def _unpack_tar(archive: Path, folder: Path) -> tuple[str, ...]:
    # With room for the members' headers and the padding at the end.
    limit = _largest_contents(archive) + _SMALL
    with _BoundedGzip(archive, limit) as stream, tarfile.open(fileobj=stream, mode="r:") as opened:
        entries = list(islice(opened, _MOST_MEMBERS + 1))
        _refuse_unsafe(archive, [(entry.name, entry.size, entry.isreg() and not entry.issparse()) for entry in entries])
        for entry in entries:
            content = opened.extractfile(entry)
            if content is not None:
                _write_member(folder / entry.name, content, entry.mode)
        # `tar` refuses trailing data, so read to the end.
        while stream.read(_LONGEST_READ):
            pass
    return tuple(entry.name for entry in entries)


def _unpack_zip(archive: Path, folder: Path) -> tuple[str, ...]:
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        _refuse_unsafe(archive, [(entry.filename, entry.file_size, _is_regular(entry)) for entry in entries])
        for entry in entries:
            with opened.open(entry) as content:
                _write_member(folder / entry.filename, content, entry.external_attr >> 16 or FILE_MODE)
    return tuple(entry.filename for entry in entries)


def _is_regular(entry: zipfile.ZipInfo) -> bool:
    return not entry.is_dir() and stat.S_IFMT(entry.external_attr >> 16) in {0, stat.S_IFREG}


def _write_member(path: Path, content: IO[bytes], mode: int) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
    # Never setuid, never writable for others, always readable for the checks.
    path.chmod(mode & EXECUTABLE_MODE | stat.S_IRUSR | stat.S_IWUSR)


def _refuse_unsafe(archive: Path, members: Sequence[tuple[str, int, bool]]) -> None:
    """Check all members before writing any: their names, sizes in bytes, and whether they're regular files."""
    if len(members) > _MOST_MEMBERS:
        raise UnsafeArchiveError(archive, members[-1][0], f"is one of more than {_MOST_MEMBERS}")
    for name, _, is_regular in members:
        if not is_regular:
            raise UnsafeArchiveError(archive, name, "is not a regular file")
    _refuse_unsafe_names(archive, [name for name, _, _ in members])
    total = sum(size for _, size, _ in members)
    if not 0 <= total <= _largest_contents(archive) or any(size < 0 for _, size, _ in members):
        raise UnsafeArchiveError(archive, "(all members)", f"would expand to {total:,} bytes, far beyond its size")


def _refuse_unsafe_names(archive: Path, names: Sequence[str]) -> None:
    # macOS and Windows ignore case.
    seen = Counter(name.casefold() for name in names)
    for name in names:
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise UnsafeArchiveError(archive, name, "would be written outside the folder")
        if "/" in name or name in {"", "."}:
            raise UnsafeArchiveError(archive, name, "is not at the root of the archive")
        if not name.isprintable() or len(name.encode()) > _LONGEST_NAME:
            raise UnsafeArchiveError(archive, name[:_LONGEST_NAME], "has a name that is too long or not printable")
        if seen[name.casefold()] > 1:
            raise UnsafeArchiveError(archive, name, "is in the archive twice")
