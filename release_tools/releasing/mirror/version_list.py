"""`invoke versions`: every version, where it is, and whether tags, releases and the mirror agree."""

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.version import Version

from release_tools.errors import Problem
from release_tools.releasing.github.releases import GitHubRepository, Release
from release_tools.releasing.mirror.configuration import MirrorSettings
from release_tools.releasing.mirror.manifest import LATEST_NAME, Manifest, MirroredVersion, channel_of
from release_tools.releasing.mirror.public_mirror import public_size, read_public_latest, read_public_manifest
from release_tools.releasing.publish.status import read_status
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag


@dataclass(frozen=True, kw_only=True)
class ListedVersion:
    """A version, and where it is. `release` is the published one, or a draft if there is no other."""

    version: str
    tag: str
    is_tagged: bool
    release: Release | None
    mirrored: MirroredVersion | None

    @property
    def is_published(self) -> bool:
        return self.release is not None and not self.release.is_draft


@dataclass(frozen=True, kw_only=True)
class VersionList:
    """All versions, the newest first. `latest` is the version that the mirror offers.

    `has_mirror` is False for a project without one. `missing_files` are those that a channel of the mirror offers, and
    the public doesn't get.
    """

    versions: tuple[ListedVersion, ...]
    has_mirror: bool
    manifest: Manifest
    latest: str | None
    missing_files: tuple[str, ...]


def read_versions(settings: ReleaseSettings, github: GitHubRepository, mirror: MirrorSettings | None) -> VersionList:
    """Read what GitHub and the mirror have. Needs no key to the store. Raises the errors of both."""
    status = read_status(settings, github)
    manifest = read_public_manifest(mirror) if mirror else Manifest(name=settings.executable, versions=())
    # A published release hides drafts of the same tag.
    releases = {release.tag: release for release in (*status.drafts, *status.published)}
    tags = {*status.tags, *releases, *(release_tag(settings.executable, one.version) for one in manifest.versions)}
    named = {tag: version_of_tag(settings.executable, tag) or "" for tag in tags}
    versions = (
        ListedVersion(
            version=version,
            tag=tag,
            is_tagged=tag in status.tags,
            release=releases.get(tag),
            mirrored=manifest.find(version),
        )
        for tag, version in named.items()
    )
    offered = {one.version: one for one in (manifest.newest("stable"), manifest.newest("prerelease")) if one}
    files = [(one.version, file) for one in offered.values() for file in one.files]
    return VersionList(
        versions=tuple(sorted(versions, key=lambda one: Version(one.version), reverse=True)),
        has_mirror=mirror is not None,
        manifest=manifest,
        latest=read_public_latest(mirror) if mirror else None,
        missing_files=tuple(f"{version}/{file.name}" for version, file in files if public_size(file) != file.size),
    )


def version_lines(listed: VersionList) -> list[str]:
    """The versions as a table."""
    rows = [("version", "channel", "tag", "release", *(["mirror"] if listed.has_mirror else []))]
    rows += [
        (
            one.version,
            channel_of(one.version),
            "yes" if one.is_tagged else "no",
            _release_text(one),
            *([_mirror_text(one, listed.latest)] if listed.has_mirror else []),
        )
        for one in listed.versions
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def next_steps(listed: VersionList) -> list[str]:
    """What is left to do for versions that are incomplete, which is no contradiction."""
    steps = [
        f"{one.version} isn't published: `invoke status` shows the next step"
        for one in listed.versions
        if not one.is_published and one.mirrored is None
    ]
    return steps + [
        f"{one.version} isn't on the mirror: invoke mirror --tag {one.tag}"
        for one in listed.versions
        if listed.has_mirror and one.is_published and one.mirrored is None
    ]


def contradictions(listed: VersionList) -> list[Problem]:
    """What can't be true at once: other bytes, lost releases, or manifests that disagree."""
    problems = [problem for one in listed.versions for problem in _differences(one)]
    hint = "restore the file in the bucket, or yank the version"
    problems += [
        Problem(what=f"the mirror offers {name}, and it can't be downloaded", hint=hint)
        for name in listed.missing_files
    ]
    stable = listed.manifest.newest("stable")
    expected = stable.version if stable else None
    if listed.has_mirror and listed.latest != expected:
        tag = next((one.tag for one in listed.versions if one.version == expected), "TAG")
        what = f"{LATEST_NAME} names {listed.latest}, and the newest stable version is {expected}"
        problems.append(Problem(what=what, hint=f"if it's still so in a minute: invoke mirror --tag {tag}"))
    return problems


def _differences(one: ListedVersion) -> Iterator[Problem]:
    if one.mirrored is None:
        return
    if not one.is_published or one.release is None:
        hint = f"publish it again, or yank it: invoke yank --tag {one.tag} --reason '…'"
        yield Problem(what=f"{one.version} is on the mirror, and not published on GitHub", hint=hint)
        return
    hint = f"find out which is the right one; then yank {one.version} and release the next version"
    listed = {file.name: file.sha256 for file in one.mirrored.files}
    for asset in one.release.assets:
        if listed.get(asset.name) != asset.sha256:
            found = listed.get(asset.name, "nothing")
            yield Problem(what=f"{asset.name}: GitHub has sha256 {asset.sha256}, the mirror {found}", hint=hint)


def _release_text(one: ListedVersion) -> str:
    if one.release is None:
        return "none"
    return "draft" if one.release.is_draft else "published"


def _mirror_text(one: ListedVersion, latest: str | None) -> str:
    if one.mirrored is None:
        return "none"
    if one.mirrored.yanked:
        return f"yanked: {one.mirrored.yank_reason}"
    return f"{len(one.mirrored.files)} files{', latest' if one.version == latest else ''}"
