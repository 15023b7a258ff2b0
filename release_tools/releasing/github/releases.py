"""The few things that a release needs from GitHub, as data and as verbs. What each refuses is told by its errors.

Drafts are found in the list of all releases or by their number: GitHub does not show them by tag
(https://docs.github.com/en/rest/releases/releases#get-a-release-by-tag-name).
"""

import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from release_tools.releasing.errors import BurnedTagError, UnclearOutcomeError
from release_tools.releasing.github.requests import Method, Reply, Requests, check

_PAGE: Final = 100
_REPOSITORY: Final = "repos/{owner}/{repo}"
# GitHub answers 422 where a name leads nowhere ("No commit found", "Reference does not exist").
_NOT_THERE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
UPLOAD_SECONDS: Final = 1800


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file of a release on GitHub. `sha256` is "" where GitHub states none, as for one that is still on its way."""

    id: int
    name: str
    size_bytes: int
    sha256: str
    is_uploaded: bool


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release on GitHub, open to the public or a draft. `target` is the commit that it was made for."""

    id: int
    tag: str
    target: str
    body: str
    is_draft: bool
    is_prerelease: bool
    is_immutable: bool
    url: str
    upload_url: str
    assets: tuple[Asset, ...]


@dataclass(frozen=True, kw_only=True)
class ReleaseText:
    """What a release says of itself. `is_latest` makes it the one that the repository's front page shows."""

    tag: str
    commit: str
    title: str
    body: str
    is_prerelease: bool
    is_latest: bool


class GitHub:
    """The repository of the checkout, on GitHub."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def pause(self, number: int) -> None:
        """Wait before the next try, longer each time."""
        self._requests.pause(number)

    def releases(self) -> tuple[Release, ...]:
        """All releases, drafts among them, in GitHub's order. The list may be some seconds old."""
        return tuple(_release(entry) for entry in self._pages("releases", "list the releases"))

    def release(self, number: int) -> Release | None:
        """One release as it is now, or None when there is none of this number."""
        reply = self._requests.send("GET", f"{_REPOSITORY}/releases/{number}")
        return (
            None
            if reply.status == HTTPStatus.NOT_FOUND
            else _release(_content(check(reply, f"show release {number}", [HTTPStatus.OK])))
        )

    def commit_of_tag(self, tag: str) -> str | None:
        """The commit that a tag leads to, through an annotated tag too; None when GitHub has no such tag."""
        reply = self._requests.send("GET", f"{_REPOSITORY}/commits/tags/{quote(tag, safe='')}")
        if reply.status in _NOT_THERE:
            self._refuse_missing_repository()
            return None
        return str(_content(check(reply, f"show the tag {tag!r}", [HTTPStatus.OK]))["sha"])

    def tags(self, prefix: str) -> tuple[str, ...]:
        """The names of all tags that begin like this."""
        entries = self._pages(f"git/matching-refs/tags/{quote(prefix, safe='')}", "list the tags")
        return tuple(str(entry["ref"]).removeprefix("refs/tags/") for entry in entries)

    def create_draft(self, text: ReleaseText) -> Release:
        """A draft without files. Raises `UnclearOutcomeError` when it may be there all the same."""
        reply = self._send_json("POST", f"{_REPOSITORY}/releases", {**_fields(text), "draft": True})
        return _release(_content(_checked(reply, "make a draft", [HTTPStatus.CREATED])))

    def publish(self, release: Release, text: ReleaseText) -> None:
        """Open a draft to the public.

        Raises `BurnedTagError` when the tag's name can never be used again, and `UnclearOutcomeError` when GitHub does
        not take the draft as it was seen, as when another release of the tag came first.
        """
        latest = "true" if text.is_latest else "false"
        fields = {**_fields(text), "draft": False, "make_latest": latest}
        reply = self._send_json("PATCH", f"{_REPOSITORY}/releases/{release.id}", fields)
        if reply.status == HTTPStatus.UNPROCESSABLE_ENTITY and "immutable release" in reply.message:
            raise BurnedTagError(text.tag)
        _checked(reply, f"publish draft {release.id}", [HTTPStatus.OK])

    def upload(self, release: Release, path: Path) -> None:
        """Add a file to a draft. Raises `UnclearOutcomeError` when it may be there, whole or in part, all the same."""
        url = release.upload_url.partition("{")[0]
        reply = self._requests.send(
            "POST", f"{url}?name={quote(path.name, safe='')}", body=path, seconds=UPLOAD_SECONDS
        )
        _checked(reply, f"take {path.name}", [HTTPStatus.CREATED])

    def delete_asset(self, asset: Asset) -> None:
        """Take a file away from a draft; it is well when it is not there any more."""
        self._delete(f"releases/assets/{asset.id}", f"remove the file {asset.name!r}")

    def delete_release(self, release: Release) -> None:
        """Take a release away, not its tag; it is well when it is not there any more."""
        self._delete(f"releases/{release.id}", f"remove release {release.id}")

    def delete_tag(self, tag: str) -> None:
        """Take a tag away; it is well when it is not there any more."""
        self._delete(f"git/refs/tags/{quote(tag, safe='')}", f"remove the tag {tag!r}")

    def _delete(self, endpoint: str, action: str) -> None:
        reply = self._requests.send("DELETE", f"{_REPOSITORY}/{endpoint}")
        check(reply, action, [HTTPStatus.NO_CONTENT, *_NOT_THERE])

    def _pages(self, endpoint: str, action: str) -> Iterator[Mapping[str, Any]]:
        previous: list[Mapping[str, Any]] = []
        for number in itertools.count(1):
            path = f"{_REPOSITORY}/{endpoint}?per_page={_PAGE}&page={number}"
            entries = _content(check(self._requests.send("GET", path), action, [HTTPStatus.OK]))
            # A list that does not come in pages is the same each time.
            if entries == previous:
                return
            yield from entries
            if len(entries) < _PAGE:
                return
            previous = entries

    def _refuse_missing_repository(self) -> None:
        check(self._requests.send("GET", _REPOSITORY), "show the repository", [HTTPStatus.OK])

    def _send_json(self, method: Method, endpoint: str, fields: Mapping[str, object]) -> Reply:
        with tempfile.TemporaryDirectory() as folder:
            body = Path(folder) / "body.json"
            body.write_text(json.dumps(fields), encoding="utf-8")
            return self._requests.send(method, endpoint, body=body)


def _fields(text: ReleaseText) -> dict[str, object]:
    return {
        "tag_name": text.tag,
        "target_commitish": text.commit,
        "name": text.title,
        "body": text.body,
        "prerelease": text.is_prerelease,
    }


def _checked(reply: Reply, action: str, expected: list[int]) -> Reply:
    """The reply, where a 404 or 422 says that what was seen before has changed since."""
    if reply.status in _NOT_THERE:
        raise UnclearOutcomeError(action, f"HTTP {reply.status}: {reply.message}")
    return check(reply, action, expected)


def _content(reply: Reply) -> Any:
    return json.loads(reply.text)


def _release(entry: Mapping[str, Any]) -> Release:
    return Release(
        id=int(entry["id"]),
        tag=str(entry["tag_name"]),
        target=str(entry["target_commitish"]),
        body=str(entry.get("body") or ""),
        is_draft=bool(entry["draft"]),
        is_prerelease=bool(entry["prerelease"]),
        is_immutable=bool(entry.get("immutable")),
        url=str(entry["html_url"]),
        upload_url=str(entry["upload_url"]),
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
