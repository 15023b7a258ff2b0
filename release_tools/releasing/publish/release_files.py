"""The files of a release: one archive and one checksum per platform, found in a folder and verified."""

from dataclasses import dataclass
from pathlib import Path

from release_tools.archives import checksum_line, checksum_path, sha256_of
from release_tools.errors import Problem
from release_tools.platforms import PLATFORMS, Platform
from release_tools.releasing.errors import ReleaseFilesError
from release_tools.versions import BuildVersion, archive_name

RECORD_NAME = "record.json"
_MISSING_HINT = "put every platform's archive and its .sha256 into the folder, or name another one with --folder"


@dataclass(frozen=True, kw_only=True)
class ReleaseFile:
    """One file of a release on this machine."""

    name: str
    size_bytes: int
    sha256: str
    platform: Platform

    @property
    def is_archive(self) -> bool:
        return not self.name.endswith(".sha256")


def expected_archives(executable: str, version: str) -> dict[str, Platform]:
    """The archive names of a version such as `1.2.3`, in the order of the platform table."""
    build_version = BuildVersion(label=f"v{version}", project_version=version, local_part="")
    return {archive_name(executable, build_version, platform): platform for platform in PLATFORMS}


def expected_files(executable: str, version: str) -> list[str]:
    """The names of all files of a version, each archive followed by its checksum."""
    archives = expected_archives(executable, version)
    return [name for archive in archives for name in (archive, checksum_path(Path(archive)).name)]


def gather_release_files(executable: str, version: str, folder: Path) -> tuple[ReleaseFile, ...]:
    """The files of this version in `folder`, each archive followed by its checksum.

    Raises `ReleaseFilesError` with every file that is missing, unexpected or different from its checksum. Build records
    (`record.json`, in subfolders too) may be there as well.
    """
    archives = expected_archives(executable, version)
    if not folder.is_dir():
        raise ReleaseFilesError(folder, [Problem(what=f"the folder {folder} doesn't exist", hint=_MISSING_HINT)])
    problems = [problem for name in archives for problem in _archive_problems(folder / name)]
    expected = expected_files(executable, version)
    problems += [
        Problem(
            what=f"{entry.name!r} doesn't belong to version {version}",
            hint="move it elsewhere, or name another folder with --folder",
        )
        for entry in sorted(folder.iterdir())
        if entry.name not in expected and not _has_records_only(entry)
    ]
    if problems:
        raise ReleaseFilesError(folder, problems)
    return tuple(
        _release_file(path, platform)
        for name, platform in archives.items()
        for path in (folder / name, checksum_path(folder / name))
    )


def _archive_problems(archive: Path) -> list[Problem]:
    checksum = checksum_path(archive)
    missing = [path.name for path in (archive, checksum) if not path.is_file() or path.is_symlink()]
    if missing:
        return [Problem(what=f"{name} is missing or isn't a regular file", hint=_MISSING_HINT) for name in missing]
    if archive.stat().st_size == 0:
        return [Problem(what=f"{archive.name} is empty", hint="copy it again, or build it again")]
    if checksum.read_bytes() != checksum_line(archive).encode():
        return [
            Problem(what=f"{archive.name} doesn't match {checksum.name}", hint="copy both again, or build them again")
        ]
    return []


def _has_records_only(entry: Path) -> bool:
    if entry.is_symlink():
        return False
    if entry.is_dir():
        return all(_has_records_only(inner) for inner in entry.iterdir())
    return entry.name == RECORD_NAME


def _release_file(path: Path, platform: Platform) -> ReleaseFile:
    return ReleaseFile(name=path.name, size_bytes=path.stat().st_size, sha256=sha256_of(path), platform=platform)
