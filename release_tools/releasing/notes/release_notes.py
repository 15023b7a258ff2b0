"""Release notes: the changes, the files, how to install them, and what the builds measured."""

from collections.abc import Sequence
from pathlib import Path

from release_tools.errors import Problem, RequestError
from release_tools.releasing.errors import ShallowCloneError
from release_tools.releasing.git_state import Tag, last_release, read_clone, repository_url, tag_commit
from release_tools.releasing.notes.changes import changes_markdown, read_changes
from release_tools.releasing.notes.installation import installation_markdown
from release_tools.releasing.publish.release_files import ReleaseFile, gather_release_files
from release_tools.releasing.release_versions import release_version
from release_tools.reporting.file_size import format_size
from release_tools.reporting.markdown import code_span, markdown_table
from release_tools.reporting.records import BuildRecord, ProofLevel
from release_tools.reporting.report import records_table
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag


def release_notes(
    settings: ReleaseSettings, tag: str, files: Sequence[ReleaseFile], records: Sequence[BuildRecord]
) -> str:
    """The notes of a tag as Markdown, or of the checked-out commit when the tag doesn't exist yet.

    Raises `RequestError` when it isn't a release tag, `ShallowCloneError`, and `MissingToolError` without git-cliff.
    """
    root, executable = settings.root, settings.executable
    if release_version(executable, tag) is None:
        hint = f"use a tag such as {release_tag(executable, '1.2.3')}"
        raise RequestError("write release notes", [Problem(what=f"{tag!r} isn't a release tag", hint=hint)])
    clone = read_clone(root)
    if clone.is_shallow:
        raise ShallowCloneError
    commit = tag_commit(root, tag) or clone.commit
    last = last_release(root, executable, commit, tag)
    url = repository_url(root, clone.remote)
    archives = [file for file in files if file.is_archive]
    parts = [
        changes_markdown(read_changes(root, commit, last.commit if last else None), url),
        _files_markdown(archives, tag, url),
        installation_markdown(archives, executable, tag, url),
        f"## Builds\n\n{records_table(records)}" if records else "",
        _proof_markdown(settings, records),
        _comparison_markdown(tag, last, url),
    ]
    return "\n".join(part for part in parts if part)


def preview_notes(settings: ReleaseSettings, tag: str | None, folder: Path | None) -> str:
    """The notes of `tag` or the next release, with the files of `folder` if given."""
    tag = tag or release_tag(settings.executable, settings.project_version)
    version = version_of_tag(settings.executable, tag) or settings.project_version
    files = gather_release_files(settings.executable, version, folder) if folder else ()
    return release_notes(settings, tag, files, [])


def _files_markdown(archives: Sequence[ReleaseFile], tag: str, url: str | None) -> str:
    rows = [
        (file.platform.name, _link(file.name, tag, url), format_size(file.size_bytes), f"`{file.sha256}`")
        for file in archives
    ]
    return f"## Files\n\n{markdown_table(('Platform', 'File', 'Size', 'SHA-256'), 'llrl', rows)}" if rows else ""


def _proof_markdown(settings: ReleaseSettings, records: Sequence[BuildRecord]) -> str:
    """What was tried of the app, by the records of the builds; without any, settings without tests tell enough."""
    levels: dict[str, ProofLevel] = {record.platform: record.proof.level for record in records if record.proof}
    if not levels and settings.test_suite is None:
        levels = {"": "commands" if settings.smoke_commands else "start"}
    commands = " and ".join(code_span(" ".join(command)) for command in settings.smoke_commands)
    texts: dict[ProofLevel, str] = {
        "tests": "The app's own tests passed on the binary.",
        "commands": f"No test of the app ran on the binary, only {commands or 'commands'}.",
        "start": "No test of the app ran on the binary, only `--version`.",
    }
    if len(set(levels.values())) == 1:
        return f"{texts[next(iter(levels.values()))]}\n"
    return "".join(f"- {platform}: {texts[level]}\n" for platform, level in levels.items())


def _link(name: str, tag: str, url: str | None) -> str:
    return f"[`{name}`]({url}/releases/download/{tag}/{name})" if url else f"`{name}`"


def _comparison_markdown(tag: str, last: Tag | None, url: str | None) -> str:
    if url is None:
        return ""
    if last is None:
        return f"**All commits**: {url}/commits/{tag}\n"
    return f"**All changes**: {url}/compare/{last.name}...{tag}\n"
