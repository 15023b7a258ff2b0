"""Reads a mirror as its users do: by its public URL, without a key."""

import http.client
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Final

from release_tools.releasing.errors import MirrorUnreachableError
from release_tools.releasing.mirror.configuration import MirrorSettings
from release_tools.releasing.mirror.manifest import LATEST_NAME, VERSIONS_NAME, Latest, Manifest, MirroredFile

_TIMEOUT_SECONDS: Final = 30
# A cache may otherwise answer with what was there a minute ago.
_HEADERS: Final = {"Cache-Control": "no-cache", "User-Agent": "release-tools"}


def read_public_manifest(mirror: MirrorSettings) -> Manifest:
    """The versions that the public sees; none before the first one is mirrored.

    Raises `ManifestError` or `MirrorUnreachableError`.
    """
    content = _read(mirror.public_url(VERSIONS_NAME))
    return (
        Manifest.from_json(content.decode("utf-8", "replace")) if content else Manifest(name=mirror.name, versions=())
    )


def read_public_latest(mirror: MirrorSettings) -> str | None:
    """The version that the public is offered. Raises `ManifestError` or `MirrorUnreachableError`."""
    content = _read(mirror.public_url(LATEST_NAME))
    latest = Latest.from_json(content.decode("utf-8", "replace")).latest if content else None
    return latest.version if latest else None


def public_size(file: MirroredFile) -> int | None:
    """The size of a file as the public gets it, or None if it isn't there. Raises `MirrorUnreachableError`."""
    request = urllib.request.Request(file.url, method="HEAD", headers=_HEADERS)  # noqa: S310 - http or https
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            return int(response.headers.get("Content-Length", -1))
    except urllib.error.HTTPError as error:
        if error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
            return None
        raise MirrorUnreachableError(file.url, f"HTTP {error.code}") from None
    except OSError as error:
        raise MirrorUnreachableError(file.url, str(error)) from None


def _read(url: str) -> bytes | None:
    request = urllib.request.Request(url, headers=_HEADERS)  # noqa: S310 - http or https
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            content: bytes = response.read()
            return content
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise MirrorUnreachableError(url, f"HTTP {error.code}") from None
    # A response that ends too early is no OSError.
    except (OSError, http.client.HTTPException) as error:
        raise MirrorUnreachableError(url, str(error)) from None
