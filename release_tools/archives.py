"""Stage 4: the archive that users download, with the same bytes from the same files, and its checksum.

Also the one place that unpacks an archive; names inside are treated as hostile.
"""

import gzip
import hashlib
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from release_tools.errors import UnsafeArchiveError

EXECUTABLE_MODE: Final = 0o755
FILE_MODE: Final = 0o644

# The earliest time that a zip file can hold.
_ZIP_EPOCH: Final = 315532800


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of an archive. `name` has no folder: all members are at the archive's root."""

    name: str
    path: Path
    mode: int


def write_archive(archive: Path, members: Sequence[Member], modified: int) -> None:
    """Write a .tar.gz or .zip, as the name says. Every member gets the time `modified` (seconds since 1970)."""
    ordered = sorted(members, key=lambda member: member.name)
    if archive.suffix == ".zip":
        _write_zip(archive, ordered, max(modified, _ZIP_EPOCH))
    else:
        _write_tar(archive, ordered, modified)


def unpack_archive(archive: Path, folder: Path) -> tuple[str, ...]:
    """Unpack into `folder`, which is emptied first; returns the members' names in the archive's order.

    Raises `UnsafeArchiveError`, before anything is written, for a member that is no plain file, leaves the folder, or
    stands there twice; and for a file that is no archive or is damaged.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return _unpack_zip(archive, folder) if archive.suffix == ".zip" else _unpack_tar(archive, folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise UnsafeArchiveError(archive, "(the whole file)", f"cannot be read: {error}") from None


def member_modes(archive: Path) -> dict[str, int]:
    """The permission bits of every member, by name."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            return {entry.filename: stat.S_IMODE(entry.external_attr >> 16) for entry in opened.infolist()}
    with tarfile.open(archive, "r:gz") as opened:
        return {entry.name: stat.S_IMODE(entry.mode) for entry in opened.getmembers()}


def differing_members(first: Path, second: Path) -> list[str]:
    """The names of the members in which two archives differ; their own names where only the wrapping does.

    Both are unpacked beside themselves.
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
    """Write `<archive>.sha256` as sha256sum does, so that `sha256sum -c` and `shasum -a 256 -c` accept it."""
    path = checksum_path(archive)
    path.write_text(f"{sha256_of(archive)}  {archive.name}\n", encoding="ascii", newline="\n")
    return path


def place_archive(staged: Path, folder: Path) -> Path:
    """Move an archive and the checksum beside it into `folder`; returns the archive's new place.

    At no moment does a checksum stand there beside another's archive.
    """
    folder.mkdir(exist_ok=True)
    placed = folder / staged.name
    checksum_path(placed).unlink(missing_ok=True)
    staged.replace(placed)
    checksum_path(staged).replace(checksum_path(placed))
    return placed


def _write_tar(archive: Path, members: Sequence[Member], modified: int) -> None:
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=9, mtime=0) as compressed,
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


def _write_zip(archive: Path, members: Sequence[Member], modified: int) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as opened:
        for member in members:
            entry = zipfile.ZipInfo(member.name, date_time=time.gmtime(modified)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Unix as the system that made it, on every host: the bytes stay equal and the modes are kept.
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | member.mode) << 16
            opened.writestr(entry, member.path.read_bytes())


def _unpack_tar(archive: Path, folder: Path) -> tuple[str, ...]:
    with tarfile.open(archive, "r:gz") as opened:
        entries = opened.getmembers()
        for entry in entries:
            _refuse_special(archive, entry.name, is_plain=entry.isreg())
        _refuse_unsafe_names(archive, [entry.name for entry in entries])
        opened.extractall(folder, filter="data")
    return tuple(entry.name for entry in entries)


def _unpack_zip(archive: Path, folder: Path) -> tuple[str, ...]:
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        for entry in entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            _refuse_special(archive, entry.filename, is_plain=not entry.is_dir() and kind in {0, stat.S_IFREG})
        _refuse_unsafe_names(archive, opened.namelist())
        opened.extractall(folder)  # noqa: S202 - the names were checked just above
    for entry in entries:
        (folder / entry.filename).chmod(stat.S_IMODE(entry.external_attr >> 16) or FILE_MODE)
    return tuple(entry.filename for entry in entries)


def _refuse_special(archive: Path, name: str, *, is_plain: bool) -> None:
    if not is_plain:
        raise UnsafeArchiveError(archive, name, "is not a plain file")


def _refuse_unsafe_names(archive: Path, names: Sequence[str]) -> None:
    for name in names:
        parts = PurePosixPath(name).parts
        if name.startswith("/") or "\\" in name or ".." in parts or PureWindowsPath(name).drive:
            raise UnsafeArchiveError(archive, name, "leads out of the folder it is unpacked into")
        if names.count(name) > 1:
            raise UnsafeArchiveError(archive, name, "stands in the archive twice")
