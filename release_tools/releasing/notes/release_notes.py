"""The text of a release: what changed, the files, how to install each, and what the builds measured."""

from collections.abc import Sequence
from pathlib import Path

from release_tools.errors import Problem, RequestError
from release_tools.releasing.errors import ShallowCloneError
from release_tools.releasing.git_state import (
    SHALLOW_HINT,
    Tag,
    commit_of,
    last_release,
    read_clone,
    release_version,
    repository_address,
)
from release_tools.releasing.notes.changes import changes_markdown, read_changes
from release_tools.releasing.notes.foreign_text import printable
from release_tools.releasing.notes.install_text import install_markdown
from release_tools.releasing.publish.release_files import ReleaseFile, gather_release_files
from release_tools.reporting.markdown import records_table
from release_tools.reporting.records import read_records
from release_tools.reporting.tables import megabytes
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag


def release_notes(root: Path, tag: str, files: Sequence[ReleaseFile], records: Sequence[Path]) -> str:
    """The notes as Markdown, for a tag that exists, or of the checked-out commit for one that is still to be made.

    `files` are those that are released, in the order to be shown; `records` the records of their builds.

    Raises `RequestError` for a tag of something else, `ShallowCloneError` where commits are missing from the clone, and
    the errors of `read_changes` and `read_records`.
    """
    settings = ReleaseSettings.load(root)
    if release_version(settings.executable, tag) is None:
        problem = Problem(
            what=f"{printable(tag)!r} is no tag of a release",
            hint=f"name one such as {release_tag(settings.executable, '1.2.3')}",
        )
        raise RequestError("write the notes of a release", [problem])
    clone = read_clone(root)
    if clone.is_shallow:
        raise ShallowCloneError(root, SHALLOW_HINT)
    commit = commit_of(root, f"refs/tags/{tag}") or clone.commit
    last = last_release(root, settings.executable, commit, tag)
    address = repository_address(root, clone.remote)
    archives = [file for file in files if file.is_archive]
    parts = [
        changes_markdown(read_changes(root, commit, last.commit if last else None), address),
        _files_markdown(archives, tag, address),
        install_markdown(archives, settings.executable, tag, address),
        _records_markdown(records),
        _compare_markdown(tag, last, address),
    ]
    return "\n".join(part for part in parts if part)


def preview_notes(settings: ReleaseSettings, tag: str | None, folder: Path | None) -> str:
    """The notes as they would be now; with the files of `folder` where one is named."""
    wanted = tag or release_tag(settings.executable, settings.project_version)
    version = version_of_tag(settings.executable, wanted) or settings.project_version
    files = gather_release_files(settings.executable, version, folder) if folder else ()
    return release_notes(settings.root, wanted, files, [])


def _files_markdown(archives: Sequence[ReleaseFile], tag: str, address: str | None) -> str:
    if not archives:
        return ""
    rows = [
        (file.platform.name, _linked(file.name, tag, address), megabytes(file.size_bytes), f"`{file.sha256}`")
        for file in archives
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join(["## Files", "", "| Platform | File | Size | SHA-256 |", "|---|---|---:|---|", *lines, ""])


def _linked(name: str, tag: str, address: str | None) -> str:
    return f"[`{name}`]({address}/releases/download/{tag}/{name})" if address else f"`{name}`"


def _records_markdown(records: Sequence[Path]) -> str:
    return f"## Builds\n\n{records_table(read_records(records))}" if records else ""


def _compare_markdown(tag: str, last: Tag | None, address: str | None) -> str:
    if address is None:
        return ""
    if last is None:
        return f"**All commits**: {address}/commits/{tag}\n"
    return f"**All changes**: {address}/compare/{last.name}...{tag}\n"
