"""A repository's releases, assets and tags on GitHub, as data and as the calls that change them.

Drafts are found in the list of all releases or by their ID: GitHub doesn't return them by tag
(https://docs.github.com/en/rest/releases/releases#get-a-release-by-tag-name).
"""

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from release_tools.archives import sha256_of
from release_tools.releasing.errors import ChangedMeanwhileError, TagNotReusableError
from release_tools.releasing.github.api import GitHubApi, Response
from release_tools.releasing.github.refusals import REDIRECTS

_PAGE_SIZE: Final = 100
# GitHub answers 422 for some missing objects ("No commit found", "Reference does not exist").
_NOT_FOUND: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
# Something else may have changed what the request was about.
_CHANGED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY, *REDIRECTS)
_TRANSFER_TIMEOUT_SECONDS: Final = 600


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file of a release on GitHub. `sha256` is "" where GitHub has no digest, as during an upload."""

    id: int
    name: str
    size_bytes: int
    sha256: str
    is_uploaded: bool


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release on GitHub, published or a draft.

    `published_at` is in UTC, `2026-01-31T12:00:00Z`, and "" for a draft.
    """

    id: int
    tag: str
    body: str
    is_draft: bool
    is_prerelease: bool
    is_immutable: bool
    url: str
    upload_url: str
    published_at: str
    assets: tuple[Asset, ...]


@dataclass(frozen=True, kw_only=True)
class ReleaseFields:
    """What GitHub is sent to create or publish a release. `is_latest` marks it as the repository's latest release."""

    tag: str
    title: str
    body: str
    is_prerelease: bool
    is_latest: bool


@dataclass(frozen=True, kw_only=True)
class RepositorySettings:
    """What GitHub says about the repository itself."""

    name: str
    url: str
    default_branch: str
    is_archived: bool


class GitHubRepository:
    """The releases and tags of the clone's repository on GitHub."""

    def __init__(self, api: GitHubApi) -> None:
        self.api = api

    def settings(self) -> RepositorySettings:
        """The repository's name and settings."""
        content = self.api.send("GET", "").expect("show the repository", HTTPStatus.OK).content
        return RepositorySettings(
            name=str(content["full_name"]),
            url=str(content["html_url"]),
            default_branch=str(content["default_branch"]),
            is_archived=bool(content["archived"]),
        )

    def makes_immutable(self) -> bool | None:
        """Whether published releases become immutable; None when the token may not know."""
        response = self.api.send("GET", "immutable-releases")
        if response.status == HTTPStatus.OK:
            return bool(response.content["enabled"])
        # GitHub answers 404 when it's off, and to tokens without the right to see it.
        return None

    def is_on_branch(self, commit: str, branch: str) -> bool | None:
        """Whether a branch has a commit in its history; None when GitHub doesn't have the commit."""
        response = self.api.send("GET", f"compare/{quote(branch, safe='')}...{commit}?per_page=1")
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        status = response.expect(f"compare {commit} with {branch!r}", HTTPStatus.OK).content["status"]
        return status in {"identical", "behind"}

    def releases(self) -> tuple[Release, ...]:
        """All releases with drafts, in GitHub's order. The list can be a few seconds old."""
        return tuple(_release(entry) for entry in self._pages("releases", "list the releases"))

    def release(self, release_id: int) -> Release | None:
        """One release as it is now, or None when it doesn't exist."""
        response = self.api.send("GET", f"releases/{release_id}")
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        return _release(response.expect(f"show release {release_id}", HTTPStatus.OK).content)

    def published(self, tag: str) -> Release | None:
        """The published release of a tag, or None."""
        response = self.api.send("GET", f"releases/tags/{quote(tag, safe='')}")
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        return _release(response.expect(f"show the release {tag!r}", HTTPStatus.OK).content)

    def tag_commit(self, tag: str) -> str | None:
        """The commit of a tag, or None when GitHub doesn't have the tag."""
        response = self.api.send("GET", f"commits/tags/{quote(tag, safe='')}")
        if response.status in _NOT_FOUND:
            # A missing repository must not look like a missing tag.
            self.api.send("GET", "").expect("show the repository", HTTPStatus.OK)
            return None
        return str(response.expect(f"show the tag {tag!r}", HTTPStatus.OK).content["sha"])

    def tags(self, prefix: str) -> tuple[str, ...]:
        """The names of all tags with this prefix."""
        entries = self._pages(f"git/matching-refs/tags/{quote(prefix, safe='')}", "list the tags")
        return tuple(str(entry["ref"]).removeprefix("refs/tags/") for entry in entries)

    def create_draft(self, fields: ReleaseFields) -> Release:
        """Create a draft without assets. Raises `UnclearOutcomeError` when it may exist all the same."""
        response = self.api.send("POST", "releases", fields={**_json_fields(fields), "draft": True})
        return _release(_expect_unchanged(response, "create a draft", HTTPStatus.CREATED).content)

    def publish_draft(self, draft: Release, fields: ReleaseFields) -> None:
        """Publish a draft.

        Raises `TagNotReusableError` when GitHub no longer accepts the tag, and `ChangedMeanwhileError` when the draft
        may have changed meanwhile, or another release of the tag may have been published first.
        """
        changes = {**_json_fields(fields), "draft": False, "make_latest": "true" if fields.is_latest else "false"}
        response = self.api.send("PATCH", f"releases/{draft.id}", fields=changes)
        if response.status == HTTPStatus.UNPROCESSABLE_ENTITY and "used by an immutable release" in response.message:
            raise TagNotReusableError(fields.tag)
        _expect_unchanged(response, f"publish draft {draft.id}", HTTPStatus.OK)

    def close_release(self, release: Release) -> None:
        """Make a published release a draft again. Raises `ChangedMeanwhileError`."""
        response = self.api.send("PATCH", f"releases/{release.id}", fields={"draft": True})
        _expect_unchanged(response, f"make release {release.id} a draft", HTTPStatus.OK)

    def upload_asset(self, draft: Release, file: Path) -> None:
        """Upload a file to a draft.

        Raises `UnclearOutcomeError` when it may be there, complete or not, and `ChangedMeanwhileError`.
        """
        url = f"{draft.upload_url.partition('{')[0]}?name={quote(file.name, safe='')}"
        response = self.api.send("POST", url, file=file, timeout_seconds=_TRANSFER_TIMEOUT_SECONDS)
        _expect_unchanged(response, f"upload {file.name}", HTTPStatus.CREATED)

    def download_asset(self, tag: str, asset: Asset, folder: Path) -> None:
        """Download an asset of a published release into `folder`. Its content isn't checked."""
        self.api.download(tag, asset.name, folder)

    def asset_sha256(self, asset: Asset) -> str:
        """The SHA-256 of the bytes that GitHub returns for an asset."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "asset"
            self.api.fetch(f"releases/assets/{asset.id}", file, _TRANSFER_TIMEOUT_SECONDS)
            return sha256_of(file)

    def delete_asset(self, asset: Asset) -> None:
        """Delete an asset. Raises `ChangedMeanwhileError` when it may be gone already."""
        self._delete(f"releases/assets/{asset.id}", f"delete the asset {asset.name!r}")

    def delete_release(self, release: Release) -> None:
        """Delete a release, but not its tag. Raises `ChangedMeanwhileError` when it may be gone already."""
        self._delete(f"releases/{release.id}", f"delete release {release.id}")

    def delete_tag(self, tag: str) -> None:
        """Delete a tag. Raises `ChangedMeanwhileError` when it may be gone already."""
        self._delete(f"git/refs/tags/{quote(tag, safe='')}", f"delete the tag {tag!r}")

    def _delete(self, endpoint: str, action: str) -> None:
        _expect_unchanged(self.api.send("DELETE", endpoint), action, HTTPStatus.NO_CONTENT)

    def _pages(self, endpoint: str, action: str) -> Iterator[Mapping[str, Any]]:
        previous: list[Mapping[str, Any]] = []
        for number in itertools.count(1):
            response = self.api.send("GET", f"{endpoint}?per_page={_PAGE_SIZE}&page={number}")
            entries = response.expect(action, HTTPStatus.OK).content
            # An endpoint without pages returns the same list each time.
            if entries and entries == previous:
                return
            yield from entries
            # GitHub may leave entries out of a page, even all of them; only the link says that there are more.
            if not response.has_next_page and len(entries) < _PAGE_SIZE:
                return
            previous = entries


def _json_fields(fields: ReleaseFields) -> dict[str, object]:
    # Without `target_commitish`. GitHub ignores it for a tag that exists, but refuses a commit whose workflows differ
    # from the default branch's, unless the token may change workflows, which no workflow's token may:
    # https://docs.github.com/en/rest/releases/releases#create-a-release
    return {"tag_name": fields.tag, "name": fields.title, "body": fields.body, "prerelease": fields.is_prerelease}


def _expect_unchanged(response: Response, action: str, status: int) -> Response:
    """The response; some refusals may mean that something changed since it was read."""
    if response.status in _CHANGED:
        raise ChangedMeanwhileError(response.refusal(action))
    return response.expect(action, status)


def _release(entry: Mapping[str, Any]) -> Release:
    return Release(
        id=int(entry["id"]),
        tag=str(entry["tag_name"]),
        body=str(entry.get("body") or ""),
        is_draft=bool(entry["draft"]),
        is_prerelease=bool(entry["prerelease"]),
        is_immutable=bool(entry.get("immutable")),
        url=str(entry["html_url"]),
        upload_url=str(entry["upload_url"]),
        published_at=str(entry.get("published_at") or ""),
        assets=tuple(_asset(asset) for asset in entry["assets"]),
    )


def _asset(entry: Mapping[str, Any]) -> Asset:
    algorithm, _, digest = str(entry.get("digest") or "").partition(":")
    return Asset(
        id=int(entry["id"]),
        name=str(entry["name"]),
        size_bytes=int(entry["size"]),
        sha256=digest if algorithm == "sha256" else "",
        is_uploaded=entry["state"] == "uploaded",
    )
