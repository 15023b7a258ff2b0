"""Objects in an S3-compatible store: created once, or replaced by compare-and-swap. Nothing is ever deleted.

Every request can be repeated safely, and is, after a connection failure or a server error. A repeated write may find
its own first attempt: a condition that isn't met says only that the object exists or has changed. Callers look again.
"""

import base64
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol

import botocore.config
import botocore.exceptions
import botocore.parsers
import botocore.session

from release_tools.releasing.errors import (
    DamagedUploadError,
    StoreRefusedError,
    StoreUnreachableError,
    UnconditionalStoreError,
)
from release_tools.releasing.github.api import Clock
from release_tools.releasing.mirror.configuration import Credentials, MirrorSettings

_MAX_ATTEMPTS: Final = 7
_TIMEOUT_SECONDS: Final = 60

# A version's files never change.
IMMUTABLE: Final = "public, max-age=31536000, immutable"
# Manifests do.
SHORT_LIVED: Final = "public, max-age=60, must-revalidate"

# The object with which conditional writes are tried out.
_TRIAL_NAME: Final = "conditional-writes.txt"
_TRIAL_TEXT: Final = "The release tools check with this file that the store supports conditional writes.\n"

# The store refused bytes that differ from their checksum: they changed on the way.
_WRONG_DIGEST_CODES: Final = frozenset(
    {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody"}
)
_BUSY_CODES: Final = frozenset(
    {
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "RequestTimeout",
        "ConditionalRequestConflict",
        "OperationAborted",
    }
)
_BUSY_STATUSES: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)


class S3Client(Protocol):
    """What is used of botocore's client, which has no types of its own."""

    def head_object(self, **parameters: object) -> dict[str, Any]: ...

    def get_object(self, **parameters: object) -> dict[str, Any]: ...

    def put_object(self, **parameters: object) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """An object as the store reports it. `sha256` is what the store computed, or of what was downloaded."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class StoredText:
    """The text of an object, and the tag that changes with it."""

    text: str
    etag: str


class ObjectStore:
    """The objects below the prefix of a mirror."""

    def __init__(
        self,
        mirror: MirrorSettings,
        credentials: Credentials,
        *,
        clock: Clock | None = None,
        say: Callable[[str], None] = print,
        client: S3Client | None = None,
    ) -> None:
        self.mirror = mirror
        self._clock = clock or Clock()
        self._say = say
        self._client = client or make_client(mirror, credentials)

    def back_off(self, attempt: int) -> None:
        """Wait after a failed attempt: one second, then twice as long each time."""
        self._clock.sleep(2.0 ** (attempt - 1))

    def require_conditional_writes(self) -> None:
        """Raise `UnconditionalStoreError` if the store ignores the conditions of writes, which everything relies on."""
        is_absent, is_unchanged = {"IfNoneMatch": "*"}, {"IfMatch": f'"{"0" * 32}"'}

        def is_written(condition: dict[str, str]) -> bool:
            return self._put_text(_TRIAL_NAME, _TRIAL_TEXT, "text/plain", condition)

        # The first write creates the object, unless another run did.
        if is_written(is_absent) and is_written(is_absent):
            raise UnconditionalStoreError(self.mirror.endpoint, "If-None-Match")
        if is_written(is_unchanged):
            raise UnconditionalStoreError(self.mirror.endpoint, "If-Match")

    def file(self, *parts: str) -> StoredFile | None:
        """The size and digest of an object, or None if there is no such object."""
        key = self.mirror.key(*parts)
        head = self._send(
            f"HEAD {key}",
            lambda: self._client.head_object(Bucket=self.mirror.bucket, Key=key, ChecksumMode="ENABLED"),
            absent=True,
        )
        if head is None:
            return None
        checksum = head.get("ChecksumSHA256")
        # The digest of a file that was uploaded in parts has a dash, and is one of digests.
        if isinstance(checksum, str) and "-" not in checksum:
            return StoredFile(size=int(head["ContentLength"]), sha256=base64.b64decode(checksum).hex())
        content = self._content(key)
        return content and StoredFile(size=len(content[0]), sha256=hashlib.sha256(content[0]).hexdigest())

    def create(self, path: Path, *parts: str, sha256: str, content_type: str) -> bool:
        """Upload a file under a new key; False if the key exists. The store refuses bytes with another digest."""
        return self._put("/".join(parts), path, content_type, IMMUTABLE, condition={"IfNoneMatch": "*"}, sha256=sha256)

    def text(self, *parts: str) -> StoredText | None:
        """The text of an object, or None if there is no such object."""
        content = self._content(self.mirror.key(*parts))
        return content and StoredText(text=content[0].decode("utf-8", "replace"), etag=content[1])

    def replace(self, name: str, text: str, etag: str | None, content_type: str) -> bool:
        """Write a text if the object still has this tag, or doesn't exist for None; False if it has changed."""
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        return self._put_text(name, text, content_type, condition)

    def _content(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and tag."""

        def read() -> dict[str, Any]:
            response = self._client.get_object(Bucket=self.mirror.bucket, Key=key)
            # The body arrives after the headers, and the connection can break in between.
            return {**response, "Content": response["Body"].read()}

        response = self._send(f"GET {key}", read, absent=True)
        return (response["Content"], str(response["ETag"])) if response else None

    def _put_text(self, name: str, text: str, content_type: str, condition: dict[str, str]) -> bool:
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        return self._put(name, content, content_type, SHORT_LIVED, condition=condition, sha256=digest)

    def _put(
        self,
        name: str,
        content: bytes | Path,
        content_type: str,
        cache_control: str,
        *,
        condition: dict[str, str],
        sha256: str,
    ) -> bool:
        """Whether the write's condition was met."""
        key = self.mirror.key(name)
        parameters = {
            "Bucket": self.mirror.bucket,
            "Key": key,
            "ContentType": content_type,
            "CacheControl": cache_control,
            "ChecksumSHA256": base64.b64encode(bytes.fromhex(sha256)).decode(),
            **condition,
        }

        def write() -> dict[str, Any]:
            with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as body:
                return self._client.put_object(Body=body, **parameters)

        return self._send(f"PUT {key}", write, precondition=True) is not None

    def _send(
        self, request: str, action: Callable[[], dict[str, Any]], *, absent: bool = False, precondition: bool = False
    ) -> dict[str, Any] | None:
        """The response; None if the object is absent or a precondition failed, where that's expected.

        Raises `StoreRefusedError`, `DamagedUploadError` or `StoreUnreachableError`.
        """
        cause = ""
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                return action()
            except botocore.exceptions.ClientError as error:
                status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
                code = str(error.response.get("Error", {}).get("Code", status))
                if absent and status == HTTPStatus.NOT_FOUND and code in {"404", "NoSuchKey"}:
                    return None
                if precondition and status == HTTPStatus.PRECONDITION_FAILED:
                    return None
                if not _is_temporary(status, code):
                    message = str(error.response.get("Error", {}).get("Message", ""))
                    raise StoreRefusedError(request, status, code, message) from None
                cause = f"HTTP {status}, {code}"
            except botocore.exceptions.SSLError as error:
                raise StoreUnreachableError(request, _one_line(error), 1) from None
            except (
                botocore.exceptions.ConnectionError,
                botocore.exceptions.HTTPClientError,
                botocore.exceptions.IncompleteReadError,
                botocore.parsers.ResponseParserError,
            ) as error:
                cause = _one_line(error)
            if attempt < _MAX_ATTEMPTS:
                self._say(f"store: {request} failed ({cause}); retrying")
                self.back_off(attempt)
        if any(code in cause for code in _WRONG_DIGEST_CODES):
            raise DamagedUploadError(request, cause)
        raise StoreUnreachableError(request, cause, _MAX_ATTEMPTS)


def make_client(mirror: MirrorSettings, credentials: Credentials) -> S3Client:
    """A client of botocore, with nothing from the user's AWS configuration."""
    # Their files and AWS_PROFILE would add credentials, endpoints and plugins.
    unset = (None, None, None, None)
    session = botocore.session.Session(dict.fromkeys(("profile", "config_file"), unset))
    config = botocore.config.Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        # Retried here.
        retries={"total_max_attempts": 1},
        # Stores other than Amazon's refuse the checksums that botocore adds by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,
        s3={"payload_signing_enabled": True, **({"addressing_style": "path"} if mirror.endpoint else {})},
    )
    client: S3Client = session.create_client(
        "s3",
        region_name=mirror.region,
        endpoint_url=mirror.endpoint,
        aws_access_key_id=credentials.key_id,
        aws_secret_access_key=credentials.secret,
        aws_session_token=credentials.session_token,
        config=config,
    )
    return client


def _is_temporary(status: int, code: str) -> bool:
    return (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status in _BUSY_STATUSES
        or code in _BUSY_CODES | _WRONG_DIGEST_CODES
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
