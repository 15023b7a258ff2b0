"""From what GitHub holds to what is still to do: no network, no files.

A release goes none -> draft -> uploaded -> compared -> published. The state is never remembered: it is read from GitHub
before each stretch of the way, so that a run that was cut off anywhere is continued by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from release_tools.errors import Problem
from release_tools.releasing.errors import PublishError
from release_tools.releasing.github.releases import Asset, Release, ReleaseText
from release_tools.releasing.publish.release_files import ReleaseFile
from release_tools.releasing.publish.release_text import Marker, read_marker

State = Literal["none", "draft", "uploaded", "published"]

_NOT_OURS: Final = "look at it on GitHub; if nobody needs it, take it away with `invoke discard --tag {tag}`"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The release as it has to become."""

    marker: Marker
    text: ReleaseText
    files: tuple[ReleaseFile, ...]

    @property
    def tag(self) -> str:
        return self.marker.tag


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What GitHub held when it was read. `tag_commit` is None where it has no such tag."""

    tag_commit: str | None
    releases: tuple[Release, ...]


@dataclass(frozen=True, kw_only=True)
class CreateDraft:
    """Make a draft without files."""

    text: ReleaseText

    def __str__(self) -> str:
        return f"make a draft of {self.text.tag} at commit {self.text.commit}"


@dataclass(frozen=True, kw_only=True)
class RemoveDraft:
    """Take a draft away that nobody can need any more."""

    release: Release

    def __str__(self) -> str:
        return f"remove draft {self.release.id}, which is not needed any more"


@dataclass(frozen=True, kw_only=True)
class RemoveFile:
    """Take a file away from our draft that did not arrive as it was sent."""

    asset: Asset

    def __str__(self) -> str:
        asset = self.asset
        digest = asset.sha256 or "unknown"
        return f"remove {asset.name}, which arrived with {asset.size_bytes} bytes and sha256 {digest}"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Add a file to our draft."""

    release: Release
    file: ReleaseFile

    def __str__(self) -> str:
        return _upload_text(self.file)


@dataclass(frozen=True, kw_only=True)
class Open:
    """Make our draft public: what was read just before was exactly the files."""

    release: Release
    text: ReleaseText

    def __str__(self) -> str:
        return _open_text(self.text)


Step = CreateDraft | RemoveDraft | RemoveFile | Upload | Open


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The state that was found; the steps that are safe on this reading; and what will follow on later ones."""

    state: State
    steps: tuple[Step, ...]
    later: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    published: Release | None = None


def plan_publish(seen: Seen, wanted: Wanted) -> Plan:
    """What is left to do.

    Raises `PublishError` with everything that forbids it: a tag that is missing or leads elsewhere, a release or draft
    that was not made here or not of this commit, a file that does not belong there.
    """
    published = [release for release in seen.releases if not release.is_draft]
    drafts = [release for release in seen.releases if release.is_draft]
    ours = [draft for draft in drafts if _is_own(draft, wanted)]
    twins = [draft for draft in drafts if draft not in ours and _is_of_same_commit(draft, wanted)]
    chosen = min(ours, key=lambda draft: (-len(_right_assets(draft, wanted)), draft.id), default=None)
    problems = _tag_problems(seen, wanted)
    problems += [problem for release in published for problem in _published_problems(release, wanted)]
    if not published:
        problems += [_foreign_draft(draft, wanted) for draft in drafts if draft not in ours and draft not in twins]
        problems += [problem for draft in ours for problem in _unexpected(draft, wanted)]
    if problems:
        raise PublishError(wanted.tag, problems)
    if published:
        removals = tuple(RemoveDraft(release=draft) for draft in (*ours, *twins))
        return Plan(state="published", steps=removals, published=published[0])
    remarks = tuple(f"draft {draft.id} of another publisher is left alone until a release is public" for draft in twins)
    if chosen is None:
        later = (*map(_upload_text, wanted.files), _compare_text(wanted), _open_text(wanted.text))
        return Plan(state="none", steps=(CreateDraft(text=wanted.text),), later=later, remarks=remarks)
    spare = tuple(RemoveDraft(release=draft) for draft in ours if draft is not chosen)
    changes = _file_changes(chosen, wanted)
    if changes:
        later = (_compare_text(wanted), _open_text(wanted.text))
        return Plan(state="draft", steps=(*spare, *changes), later=later, remarks=remarks)
    return Plan(state="uploaded", steps=(*spare, Open(release=chosen, text=wanted.text)), remarks=remarks)


def differences(release: Release, files: Sequence[ReleaseFile]) -> list[str]:
    """How a release on GitHub differs from exactly these files, by GitHub's own sizes and digests."""
    expected = {file.name: file for file in files}
    held = {asset.name for asset in release.assets}
    found = [f"{name} is missing" for name in expected if name not in held]
    found += [f"{asset.name!r} does not belong there" for asset in release.assets if asset.name not in expected]
    found += [
        f"{asset.name} has {asset.size_bytes} bytes and sha256 {asset.sha256 or 'unknown'}"
        for asset in release.assets
        if asset.name in expected and not _is_right(asset, expected[asset.name])
    ]
    return found


def _is_of_same_commit(release: Release, wanted: Wanted) -> bool:
    """By its marker; for a draft by the commit that GitHub would tag as well, which the public one does not need."""
    marker = read_marker(release.body)
    commit = wanted.marker.commit
    if marker is None or (marker.tag, marker.commit) != (wanted.tag, commit):
        return False
    return not release.is_draft or release.target == commit


def _is_own(draft: Release, wanted: Wanted) -> bool:
    return read_marker(draft.body) == wanted.marker and _is_of_same_commit(draft, wanted)


def _is_right(asset: Asset, file: ReleaseFile) -> bool:
    return asset.is_uploaded and (asset.size_bytes, asset.sha256) == (file.size_bytes, file.sha256)


def _right_assets(draft: Release, wanted: Wanted) -> list[Asset]:
    expected = {file.name: file for file in wanted.files}
    return [asset for asset in draft.assets if asset.name in expected and _is_right(asset, expected[asset.name])]


def _tag_problems(seen: Seen, wanted: Wanted) -> list[Problem]:
    if seen.tag_commit is None:
        return [Problem(what="GitHub has no such tag", hint=f"push it: git push origin {wanted.tag}")]
    if seen.tag_commit != wanted.marker.commit:
        return [
            Problem(
                what=f"the tag is commit {seen.tag_commit} on GitHub and {wanted.marker.commit} here",
                hint=f"fetch it (git fetch --force origin tag {wanted.tag}) and build from it",
            )
        ]
    return []


def _published_problems(release: Release, wanted: Wanted) -> list[Problem]:
    frozen = "immutable" if release.is_immutable else "published"
    if not _is_of_same_commit(release, wanted):
        what = f"release {release.id} of this tag is {frozen} already, and was not made by this tool from this commit"
        return [
            Problem(what=what, hint="a release that is public is never touched: raise the version and release that")
        ]
    return [
        Problem(
            what=f"release {release.id} is {frozen} already, and {difference}",
            hint="a release that is public is never touched: raise the version and release that",
        )
        for difference in differences(release, wanted.files)
    ]


def _foreign_draft(draft: Release, wanted: Wanted) -> Problem:
    marker = read_marker(draft.body)
    whose = f"is of commit {marker.commit}, and now of {draft.target!r}" if marker else "was not made by this tool"
    return Problem(what=f"draft {draft.id} of this tag {whose}", hint=_NOT_OURS.format(tag=wanted.tag))


def _unexpected(draft: Release, wanted: Wanted) -> list[Problem]:
    expected = {file.name for file in wanted.files}
    return [
        Problem(
            what=f"draft {draft.id} holds {asset.name!r}, which does not belong to the release",
            hint=_NOT_OURS.format(tag=wanted.tag),
        )
        for asset in draft.assets
        if asset.name not in expected
    ]


def _file_changes(draft: Release, wanted: Wanted) -> tuple[Step, ...]:
    right = _right_assets(draft, wanted)
    held = {asset.name for asset in right}
    removals = (RemoveFile(asset=asset) for asset in draft.assets if asset not in right)
    uploads = (Upload(release=draft, file=file) for file in wanted.files if file.name not in held)
    return (*removals, *uploads)


def _upload_text(file: ReleaseFile) -> str:
    return f"upload {file.name} ({file.size_bytes} bytes)"


def _compare_text(wanted: Wanted) -> str:
    return f"compare GitHub's sizes and sha256 digests of {len(wanted.files)} files with ours"


def _open_text(text: ReleaseText) -> str:
    kind = "pre-release" if text.is_prerelease else "release"
    return f"open it to the public as a {kind}{', the latest one' if text.is_latest else ''}"
