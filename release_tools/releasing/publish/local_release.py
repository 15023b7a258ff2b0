"""The release as this machine would publish it: the tag's commit, its files, their build records and the notes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release_tools.errors import Problem
from release_tools.releasing.errors import PublishError, ReleaseFilesError
from release_tools.releasing.git_state import tag_commit
from release_tools.releasing.github.releases import ReleaseFields
from release_tools.releasing.notes.release_notes import release_notes
from release_tools.releasing.publish.release_body import Marker, release_body
from release_tools.releasing.publish.release_files import RECORD_NAME, ReleaseFile, gather_release_files
from release_tools.releasing.release_versions import is_prerelease
from release_tools.reporting.records import BuildRecord, read_record
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag


@dataclass(frozen=True, kw_only=True)
class LocalRelease:
    """A release on this machine, with the ID of the publisher that publishes it."""

    executable: str
    version: str
    commit: str
    publisher_id: str
    files: tuple[ReleaseFile, ...]
    notes: str

    @property
    def tag(self) -> str:
        return release_tag(self.executable, self.version)

    @property
    def marker(self) -> Marker:
        return Marker(tag=self.tag, commit=self.commit, publisher_id=self.publisher_id)

    def fields(self, *, is_latest: bool) -> ReleaseFields:
        return ReleaseFields(
            tag=self.tag,
            title=self.tag,
            body=release_body(self.marker, self.notes),
            is_prerelease=is_prerelease(self.version),
            is_latest=is_latest,
        )


def gather_release(settings: ReleaseSettings, tag: str, folder: Path, publisher_id: str) -> LocalRelease:
    """Gather the release of a tag, with the files in `folder`.

    Raises `PublishError` with every problem of the tag, the files and the build records, and the errors of
    `release_notes`.
    """
    version = version_of_tag(settings.executable, tag)
    expected = release_tag(settings.executable, settings.project_version)
    if version is None or tag != expected:
        what = f"the tag for version {settings.project_version} of pyproject.toml is {expected}"
        hint = f"use --tag {expected}, or check out the commit of the other tag"
        raise PublishError(tag, [Problem(what=what, hint=hint)])
    commit = tag_commit(settings.root, tag)
    problems = []
    if commit is None:
        problems.append(Problem(what="this clone doesn't have the tag", hint=f"git fetch origin tag {tag}"))
    files: tuple[ReleaseFile, ...] = ()
    records: tuple[BuildRecord, ...] = ()
    try:
        files = gather_release_files(settings.executable, version, folder)
        records = find_records(folder, settings.root / "build", files, commit) if commit else ()
    except ReleaseFilesError as error:
        problems += error.problems
    if problems or commit is None:
        raise PublishError(tag, problems)
    return LocalRelease(
        executable=settings.executable,
        version=version,
        commit=commit,
        publisher_id=publisher_id,
        files=files,
        notes=release_notes(settings, tag, files, records),
    )


def find_records(
    folder: Path, build_folder: Path, files: Sequence[ReleaseFile], commit: str
) -> tuple[BuildRecord, ...]:
    """The build records of these archives, found by digest next to the files and among this machine's builds.

    Raises `ReleaseFilesError` when a record says that its archive was built from another commit or failed verification,
    and `RecordError` for a damaged record.
    """
    archives = {file.sha256: file.name for file in files if file.is_archive}
    candidates = sorted([*folder.rglob(RECORD_NAME), *build_folder.glob(f"*/{RECORD_NAME}")])
    records = {digest: read_record(path) for path in candidates if (digest := _digest_in(path)) in archives}
    hint = "build the archives again from the commit of the tag"
    problems = []
    for digest, record in records.items():
        if record.commit != commit:
            what = f"{archives[digest]} was built from commit {record.commit or 'unknown'}, not {commit}"
            problems.append(Problem(what=what, hint=hint))
        if record.verdict != "verified":
            problems.append(Problem(what=f"{archives[digest]} failed verification when it was built", hint=hint))
    if problems:
        raise ReleaseFilesError(folder, problems)
    return tuple(records[digest] for digest in archives if digest in records)


def _digest_in(path: Path) -> str:
    """The digest of the archive that a file records; "" when the file isn't a record."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    digest = content.get("sha256") if isinstance(content, dict) else None
    return digest if isinstance(digest, str) else ""
