"""Conditional writes, retries and refusals of a real S3 server."""

from pathlib import Path

import pytest

from release_tools.archives import sha256_of
from release_tools.releasing.errors import DamagedUploadError, StoreUnreachableError
from release_tools.releasing.mirror.store import ObjectStore
from tests.release_tools.releasing.mirror.faulting_proxy import FaultingProxy
from tests.release_tools.releasing.mirror.mirroring import Mirrorer, read_state
from tests.release_tools.releasing.mirror.s3_server import S3Server


@pytest.fixture
def mirrorer(s3: S3Server, proxy: FaultingProxy, tmp_path: Path) -> Mirrorer:
    return Mirrorer(server=s3, folder=tmp_path, prefix=s3.new_prefix(), port=proxy.port)


def create(store: ObjectStore, path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    return store.create(path, "1.2.3", "file", sha256=sha256_of(path), content_type="text/plain")


def test_existing_object_is_not_overwritten(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    assert create(mirrorer.store, tmp_path / "file", b"first")
    assert not create(mirrorer.store, tmp_path / "file", b"second")
    assert read_state(s3, mirrorer.prefix).files == {"1.2.3/file": b"first"}


def test_changed_text_is_not_replaced(mirrorer: Mirrorer) -> None:
    store = mirrorer.store
    assert store.replace("text", "first", None, "text/plain")
    first = store.text("text")
    assert first is not None
    assert not store.replace("text", "another first", None, "text/plain")
    assert store.replace("text", "second", first.etag, "text/plain")
    assert not store.replace("text", "another second", first.etag, "text/plain")
    second = store.text("text")
    assert second is not None
    assert second.text == "second"


def test_bytes_that_change_on_the_way_are_refused(
    mirrorer: Mirrorer, proxy: FaultingProxy, s3: S3Server, tmp_path: Path
) -> None:
    proxy.choose_fault = lambda _: "damaged"
    with pytest.raises(DamagedUploadError):
        create(mirrorer.store, tmp_path / "file", b"content")
    assert len(proxy.requests) > 1
    assert read_state(s3, mirrorer.prefix).files == {}


def test_digest_of_other_bytes_is_refused(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(DamagedUploadError):
        mirrorer.store.create(tmp_path / "file", "1.2.3", "file", sha256="0" * 64, content_type="text/plain")
    assert read_state(s3, mirrorer.prefix).files == {}


def test_outage_ends_with_an_error_after_some_attempts(mirrorer: Mirrorer, proxy: FaultingProxy) -> None:
    proxy.choose_fault = lambda _: "unavailable"
    with pytest.raises(StoreUnreachableError) as caught:
        mirrorer.store.text("versions.json")
    assert (caught.value.attempts, len(proxy.requests)) == (7, 7)
