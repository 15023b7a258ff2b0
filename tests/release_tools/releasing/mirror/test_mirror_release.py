"""Mirroring to a real S3 server, without faults, and what it refuses."""

import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.archives import sha256_of, write_checksum
from release_tools.releasing.errors import MirrorError, StoreRefusedError
from release_tools.releasing.mirror.configuration import Credentials
from release_tools.releasing.mirror.mirror_release import mirror_files
from tests.release_tools.releasing.mirror.faulting_proxy import FaultingProxy
from tests.release_tools.releasing.mirror.mirroring import Mirrorer, is_complete, read_state
from tests.release_tools.releasing.mirror.s3_server import S3Server
from tests.release_tools.releasing.sample_release import make_release_files


@pytest.fixture
def mirrorer(s3: S3Server, proxy: FaultingProxy, tmp_path: Path) -> Mirrorer:
    return Mirrorer(server=s3, folder=tmp_path, prefix=s3.new_prefix(), port=proxy.port)


def test_files_are_downloadable_from_the_listed_urls(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    mirrorer.mirror("1.2.3")
    state = read_state(s3, mirrorer.prefix)
    assert is_complete(mirrorer, ["1.2.3"], "1.2.3")
    (version,) = state.manifest.versions
    for file in version.files:
        with urllib.request.urlopen(file.url) as response:  # noqa: S310 - of the loopback server
            assert response.read() == (tmp_path / "1.2.3" / file.name).read_bytes()
            assert "immutable" in response.headers["Cache-Control"]


def test_manifests_are_cached_for_a_short_time(mirrorer: Mirrorer, s3: S3Server) -> None:
    mirrorer.mirror("1.2.3")
    headers = read_state(s3, mirrorer.prefix).headers
    assert {name for name, value in headers.items() if "immutable" not in value and "max-age=60" in value} == {
        "versions.json",
        "latest.json",
        "conditional-writes.txt",
    }


def test_second_run_writes_nothing(mirrorer: Mirrorer, proxy: FaultingProxy) -> None:
    mirrorer.mirror("1.2.3")
    writes = [request.key for request in proxy.requests if request.method == "PUT"]
    assert len(writes) == 10 + 2 + 3
    mirrorer.mirror("1.2.3")
    again = [request.key for request in proxy.requests if request.method == "PUT"][len(writes) :]
    # Refused by their conditions.
    assert {key.rpartition("/")[2] for key in again} == {"conditional-writes.txt"}


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (["1.2.3", "1.3.0"], "1.3.0"),
        (["1.10.0", "1.9.9"], "1.10.0"),
        (["1.2.3", "1.3.0rc1"], "1.2.3"),
        (["1.3.0rc1"], None),
    ],
)
def test_latest_is_the_newest_stable_version(versions: list[str], latest: str | None, mirrorer: Mirrorer) -> None:
    for version in versions:
        mirrorer.mirror(version)
    assert is_complete(mirrorer, versions, latest)


def test_other_bytes_of_a_version_are_refused(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    mirrorer.mirror("1.2.3")
    before = read_state(s3, mirrorer.prefix)
    other = make_release_files(tmp_path / "other", "1.2.3")
    archive = next(path for path in other.iterdir() if path.suffix == ".zip")
    archive.write_bytes(b"other bytes")
    write_checksum(archive)
    with pytest.raises(MirrorError) as caught:
        mirrorer.mirror("1.2.3", other)
    assert {archive.name in problem.what for problem in caught.value.problems} == {True}
    assert read_state(s3, mirrorer.prefix) == before


def test_file_that_somebody_else_uploaded_is_refused(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    dist = make_release_files(tmp_path / "1.2.3", "1.2.3")
    (tmp_path / "foreign").write_bytes(b"foreign")
    name = max(path.name for path in dist.iterdir())
    digest = sha256_of(tmp_path / "foreign")
    mirrorer.store.create(tmp_path / "foreign", "1.2.3", name, sha256=digest, content_type="text/plain")
    with pytest.raises(MirrorError) as caught:
        mirrorer.mirror("1.2.3")
    assert [name in problem.what for problem in caught.value.problems] == [True]
    assert set(read_state(s3, mirrorer.prefix).files) == {f"1.2.3/{name}", "conditional-writes.txt"}


def test_installer_can_be_added_later(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    mirrorer.mirror("1.2.3")
    (version,) = read_state(s3, mirrorer.prefix).manifest.versions
    (tmp_path / "1.2.3" / "install.sh").write_bytes(b"#!/bin/sh\n")
    file = replace(
        version.files[0],
        name="install.sh",
        kind="installer",
        platform=None,
        size=10,
        sha256=sha256_of(tmp_path / "1.2.3" / "install.sh"),
        url=mirrorer.server.mirror(mirrorer.prefix).public_url("1.2.3", "install.sh"),
    )
    mirror_files(mirrorer.store, replace(version, files=(file,)), tmp_path / "1.2.3", print)
    state = read_state(s3, mirrorer.prefix)
    assert state.latest == "1.2.3"
    assert state.manifest.versions[0].files == (*version.files, file)


def test_wrong_secret_is_refused_at_once(mirrorer: Mirrorer, s3: S3Server, proxy: FaultingProxy) -> None:
    wrong = Credentials(key_id="tester", secret="wrong", session_token=None)  # noqa: S106
    with pytest.raises(StoreRefusedError) as caught:
        replace(mirrorer, credentials=wrong).mirror("1.2.3")
    assert (caught.value.status, caught.value.code) == (403, "SignatureDoesNotMatch")
    assert "wrong" not in str(caught.value)
    assert len(proxy.requests) == 1
    assert read_state(s3, mirrorer.prefix).files == {}
