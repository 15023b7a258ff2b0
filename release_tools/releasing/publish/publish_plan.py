"""The steps from what is on GitHub to a published release: pure functions, without network or files.

A release goes none -> draft -> uploaded -> published. The state is never stored but read from GitHub before each round,
so an interrupted `invoke publish` is resumed by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from release_tools.errors import Problem
from release_tools.releasing.errors import PublicReleaseError, PublishError
from release_tools.releasing.github.releases import Asset, Release, ReleaseFields
from release_tools.releasing.publish.local_release import LocalRelease
from release_tools.releasing.publish.release_body import read_marker
from release_tools.releasing.publish.release_files import ReleaseFile

State = Literal["none", "draft", "uploaded", "published"]

_PUBLISHED_HINT: Final = "a published release is never changed: bump the version and release that"


@dataclass(frozen=True, kw_only=True)
class GitHubState:
    """The tag and its releases on GitHub, and whether no other published stable release is newer.

    `problems` of the repository and the commit forbid a new release.
    """

    tag_commit: str | None
    releases: tuple[Release, ...]
    is_newest_stable: bool
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CreateDraft:
    fields: ReleaseFields
    commit: str

    def __str__(self) -> str:
        return f"create a draft release for {self.fields.tag} at commit {self.commit}"


@dataclass(frozen=True, kw_only=True)
class DeleteDraft:
    draft: Release

    def __str__(self) -> str:
        return f"delete the leftover draft {self.draft.id}"


@dataclass(frozen=True, kw_only=True)
class DeleteAsset:
    """Delete an asset of our draft that differs from the local file."""

    asset: Asset

    def __str__(self) -> str:
        asset = self.asset
        digest = asset.sha256 or "unknown"
        return f"delete the asset {asset.name}, which has {asset.size_bytes} bytes and sha256 {digest}"


@dataclass(frozen=True, kw_only=True)
class HashAsset:
    """Download an asset for which GitHub reports no digest, as older GitHub Enterprise servers do, and hash it."""

    asset: Asset

    def __str__(self) -> str:
        return f"download {self.asset.name} to compare it: GitHub reports no digest"


@dataclass(frozen=True, kw_only=True)
class UploadAsset:
    draft: Release
    file: ReleaseFile

    def __str__(self) -> str:
        return _upload_text(self.file)


@dataclass(frozen=True, kw_only=True)
class PublishDraft:
    """Publish our draft, which was just read with exactly the local files."""

    draft: Release
    fields: ReleaseFields

    def __str__(self) -> str:
        return _publish_text(self.fields)


Step = CreateDraft | DeleteDraft | DeleteAsset | HashAsset | UploadAsset | PublishDraft


@dataclass(frozen=True, kw_only=True)
class PublishPlan:
    """The steps that are safe in this state, and those that later rounds will take.

    `progress` only grows from round to round, unless something undoes what was done.
    """

    state: State
    progress: int
    steps: tuple[Step, ...]
    later: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    published: Release | None = None


def plan_publish(state: GitHubState, local: LocalRelease) -> PublishPlan:
    """The remaining steps.

    Raises `PublishError` with every problem: the tag is missing or at another commit, the repository or the commit
    can't be released from, or a release or draft isn't ours, is of another commit, or has unexpected assets. Raises
    `PublicReleaseError` when our own release is public and differs.
    """
    published = [release for release in state.releases if not release.is_draft]
    drafts = [release for release in state.releases if release.is_draft]
    own = [draft for draft in drafts if _is_own(draft, local)]
    others = [draft for draft in drafts if draft not in own and _is_of_same_commit(draft, local)]
    draft = min(own, key=lambda draft: (-len(_matching_assets(draft, local)), draft.id), default=None)
    candidate = published[0] if published else draft
    unhashed = tuple(HashAsset(asset=asset) for asset in _unhashed_assets(candidate, local))
    if candidate is not None and unhashed:
        progress = (2 if published else 1) + len(_matching_assets(candidate, local))
        return PublishPlan(state="draft", progress=progress, steps=unhashed)
    if published:
        _refuse_public(published[0], state, local)
        leftovers = tuple(DeleteDraft(draft=draft) for draft in (*own, *others))
        progress = 2 + len(local.files) + (not leftovers)
        return PublishPlan(state="published", progress=progress, steps=leftovers, published=published[0])
    problems = [*_tag_problems(state, local), *state.problems]
    problems += [_foreign_draft_problem(draft) for draft in drafts if draft not in (*own, *others)]
    problems += [problem for draft in own for problem in _unexpected_asset_problems(draft, local)]
    if problems:
        raise PublishError(local.tag, problems)
    remarks = tuple(f"keeping draft {draft.id} of another publisher until the release is published" for draft in others)
    fields = local.fields(is_latest=state.is_newest_stable)
    if draft is None:
        later = (*map(_upload_text, local.files), _compare_text(local), _publish_text(fields))
        create = CreateDraft(fields=fields, commit=local.commit)
        return PublishPlan(state="none", progress=0, steps=(create,), later=later, remarks=remarks)
    deletions: tuple[Step, ...] = tuple(DeleteDraft(draft=other) for other in own if other is not draft)
    changes = _asset_changes(draft, local)
    progress = 1 + len(_matching_assets(draft, local))
    if changes:
        later = (_compare_text(local), _publish_text(fields))
        return PublishPlan(state="draft", progress=progress, steps=(*deletions, *changes), later=later, remarks=remarks)
    steps = (*deletions, PublishDraft(draft=draft, fields=fields))
    return PublishPlan(state="uploaded", progress=progress, steps=steps, remarks=remarks)


def _refuse_public(release: Release, state: GitHubState, local: LocalRelease) -> None:
    """Raise an error when the public release isn't the one that we would publish."""
    problems = _published_problems(release, local)
    if read_marker(release.body) == local.marker:
        # The tag, or an asset, changed while the draft was opened.
        problems += _public_tag_problems(state, local)
        if problems:
            raise PublicReleaseError(local.tag, release.url, problems)
    problems += _tag_problems(state, local)
    if problems:
        raise PublishError(local.tag, problems)


def _public_tag_problems(state: GitHubState, local: LocalRelease) -> list[Problem]:
    if state.tag_commit == local.commit:
        return []
    place = f"at commit {state.tag_commit}" if state.tag_commit else "gone"
    what = f"its tag is {place} on GitHub, and its files were built from {local.commit}"
    restore = f"move the tag back: git push --force origin refs/tags/{local.tag}, and run the same command again"
    return [Problem(what=what, hint=f"{restore}; or delete both: invoke discard --tag {local.tag} --yes-really")]


def _is_of_same_commit(release: Release, local: LocalRelease) -> bool:
    """Whether the marker names our tag and commit."""
    marker = read_marker(release.body)
    return marker is not None and (marker.tag, marker.commit) == (local.tag, local.commit)


def _is_own(draft: Release, local: LocalRelease) -> bool:
    return read_marker(draft.body) == local.marker


def _matches(asset: Asset, file: ReleaseFile) -> bool:
    return asset.is_uploaded and (asset.size_bytes, asset.sha256) == (file.size_bytes, file.sha256)


def _matching_assets(draft: Release, local: LocalRelease) -> list[Asset]:
    expected = {file.name: file for file in local.files}
    return [asset for asset in draft.assets if asset.name in expected and _matches(asset, expected[asset.name])]


def _unhashed_assets(release: Release | None, local: LocalRelease) -> list[Asset]:
    """The assets that may be ours, and whose digests GitHub doesn't report."""
    sizes = {file.name: file.size_bytes for file in local.files}
    return [
        asset
        for asset in (release.assets if release else ())
        if asset.is_uploaded and not asset.sha256 and sizes.get(asset.name) == asset.size_bytes
    ]


def _tag_problems(state: GitHubState, local: LocalRelease) -> list[Problem]:
    if state.tag_commit is None:
        return [Problem(what="the tag isn't on GitHub", hint=f"git push origin {local.tag}")]
    if state.tag_commit != local.commit:
        return [
            Problem(
                what=f"the tag is at commit {state.tag_commit} on GitHub, and at {local.commit} in this clone",
                hint=f"git fetch --force origin tag {local.tag}, then build from that commit",
            )
        ]
    return []


def _published_problems(release: Release, local: LocalRelease) -> list[Problem]:
    published = "published and immutable" if release.is_immutable else "published"
    found = _differences(release, local.files)
    if not _is_of_same_commit(release, local):
        found = [f"`invoke publish` didn't create it from commit {local.commit}"]
    return [
        Problem(what=f"release {release.id} is already {published}, but {difference}", hint=_PUBLISHED_HINT)
        for difference in found
    ]


def _differences(release: Release, files: Sequence[ReleaseFile]) -> list[str]:
    """How a release's assets differ from these files, by GitHub's own sizes and digests."""
    expected = {file.name: file for file in files}
    names = {asset.name for asset in release.assets}
    found = [f"{name} is missing" for name in expected if name not in names]
    found += [f"{asset.name!r} is unexpected" for asset in release.assets if asset.name not in expected]
    found += [
        f"{asset.name} has {asset.size_bytes} bytes and sha256 {asset.sha256 or 'unknown'}"
        for asset in release.assets
        if asset.name in expected and not _matches(asset, expected[asset.name])
    ]
    return found


def _foreign_draft_problem(draft: Release) -> Problem:
    marker = read_marker(draft.body)
    origin = f"was created for commit {marker.commit}" if marker else "wasn't created by `invoke publish`"
    return Problem(what=f"draft {draft.id} of this tag {origin}: {draft.url}", hint=_draft_hint(draft))


def _unexpected_asset_problems(draft: Release, local: LocalRelease) -> list[Problem]:
    expected = {file.name for file in local.files}
    return [
        Problem(what=f"draft {draft.id} has the unexpected asset {asset.name!r}", hint=_draft_hint(draft))
        for asset in draft.assets
        if asset.name not in expected
    ]


def _draft_hint(draft: Release) -> str:
    # `invoke discard` would delete the tag as well.
    delete = f"gh api --method DELETE repos/{{owner}}/{{repo}}/releases/{draft.id}"
    return f"look at it on GitHub; if it isn't needed, delete the draft and keep the tag: {delete}"


def _asset_changes(draft: Release, local: LocalRelease) -> tuple[Step, ...]:
    matching = _matching_assets(draft, local)
    names = {asset.name for asset in matching}
    deletions = (DeleteAsset(asset=asset) for asset in draft.assets if asset not in matching)
    uploads = (UploadAsset(draft=draft, file=file) for file in local.files if file.name not in names)
    return (*deletions, *uploads)


def _upload_text(file: ReleaseFile) -> str:
    return f"upload {file.name} ({file.size_bytes} bytes)"


def _compare_text(local: LocalRelease) -> str:
    return f"compare the sizes and sha256 digests of {len(local.files)} assets with the local files"


def _publish_text(fields: ReleaseFields) -> str:
    kind = "pre-release" if fields.is_prerelease else "release"
    return f"publish the draft as {'the latest' if fields.is_latest else 'a'} {kind}"
