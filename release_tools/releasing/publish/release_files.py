"""The exact files of a release: one archive and one checksum for each platform, found in a folder and proved."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from release_tools.archives import checksum_path, sha256_of
from release_tools.errors import Problem
from release_tools.platforms import PLATFORMS, Platform
from release_tools.releasing.errors import ReleaseFilesError
from release_tools.verification.downloaded import check_checksum
from release_tools.versions import BuildVersion, archive_name

RECORD_NAME = "record.json"


@dataclass(frozen=True, kw_only=True)
class ReleaseFile:
    """One file of a release, as it lies on this machine. `sha256` is in lower-case hexadecimal digits."""

    name: str
    size_bytes: int
    sha256: str
    platform: Platform

    @property
    def is_archive(self) -> bool:
        """Whether it is what users download, and not its checksum."""
        return not self.name.endswith(".sha256")


def expected_archives(executable: str, version: str) -> dict[str, Platform]:
    """The names of the archives of a version such as `1.2.3`, in the order of the platform table."""
    build_version = BuildVersion(label=f"v{version}", project_version=version, local_part="")
    return {archive_name(executable, build_version, platform): platform for platform in PLATFORMS}


def gather_release_files(executable: str, version: str, folder: Path) -> tuple[ReleaseFile, ...]:
    """The files of this version in `folder`, each archive followed by its checksum.

    Raises `ReleaseFilesError` with everything that is missing, does not belong there, or is not what its checksum
    says. Build records (`record.json`, also in folders below) may lie beside them.
    """
    archives = expected_archives(executable, version)
    if not folder.is_dir():
        raise ReleaseFilesError(folder, [Problem(what="there is no such folder", hint=_GATHER_HINT)])
    problems = [problem for name in archives for problem in _archive_problems(folder / name)]
    expected = {name for archive in archives for name in (archive, checksum_path(folder / archive).name)}
    problems += [
        Problem(
            what=f"{entry.name!r} does not belong to version {version}",
            hint="move it away, or name another folder with --folder",
        )
        for entry in sorted(folder.iterdir())
        if entry.name not in expected and not _holds_records_only(entry)
    ]
    if problems:
        raise ReleaseFilesError(folder, problems)
    return tuple(
        _release_file(path, platform)
        for name, platform in archives.items()
        for path in (folder / name, checksum_path(folder / name))
    )


def find_records(candidates: Iterable[Path], files: Sequence[ReleaseFile], commit: str) -> tuple[Path, ...]:
    """Those build records among the files `candidates` that tell of these very archives, in the order of `files`.

    A record of other bytes is left out. Raises `ReleaseFilesError` when one says that its archive was made from
    another commit than `commit`, or was refused.
    """
    by_digest: dict[str, Path] = {}
    problems = []
    digests = {file.sha256: file.name for file in files if file.is_archive}
    for path in sorted(candidates):
        record = _read_record(path)
        digest = record.get("sha256")
        if not isinstance(digest, str) or digest not in digests:
            continue
        by_digest[digest] = path
        if record.get("commit") != commit or record.get("verdict") != "verified":
            problems.append(
                Problem(
                    what=f"{digests[digest]} was made from commit {str(record.get('commit'))[:40]!r} and "
                    f"{str(record.get('verdict'))[:20]!r}, says {path}; the release is of commit {commit}",
                    hint="build the archives again, from the commit of the tag",
                )
            )
    if problems:
        raise ReleaseFilesError(Path("the build records"), problems)
    return tuple(by_digest[file.sha256] for file in files if file.is_archive and file.sha256 in by_digest)


_GATHER_HINT = "bring the archives of all platforms there, each with its .sha256, or name their folder with --folder"


def _archive_problems(archive: Path) -> list[Problem]:
    checksum = checksum_path(archive)
    missing = [path.name for path in (archive, checksum) if not path.is_file() or path.is_symlink()]
    if missing:
        return [Problem(what=f"{name} is missing, or is no plain file", hint=_GATHER_HINT) for name in missing]
    if archive.stat().st_size == 0:
        return [Problem(what=f"{archive.name} is empty", hint="bring it there again, or build it again")]
    result = check_checksum(archive)
    return [Problem(what=f"{archive.name}: {result.figure}", hint=result.hint)] if result.is_failed else []


def _holds_records_only(entry: Path) -> bool:
    if entry.is_symlink():
        return False
    if entry.is_dir():
        return all(_holds_records_only(inner) for inner in entry.iterdir())
    return entry.name == RECORD_NAME


def _release_file(path: Path, platform: Platform) -> ReleaseFile:
    return ReleaseFile(name=path.name, size_bytes=path.stat().st_size, sha256=sha256_of(path), platform=platform)


def _read_record(path: Path) -> dict[str, object]:
    """What the record holds; nothing for a file that is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
