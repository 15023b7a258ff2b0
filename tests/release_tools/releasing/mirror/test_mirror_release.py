"""Mirroring to a real S3 server, without faults, and what it refuses."""

import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release_tools.archives import sha256_of, write_checksum
from release_tools.releasing.errors import (
    ManifestError,
    MirrorError,
    StoreRefusedError,
    UnconditionalStoreError,
    YankedVersionError,
)
from release_tools.releasing.mirror.configuration import Credentials
from release_tools.releasing.mirror.manifest import MirroredFile
from release_tools.releasing.mirror.manifest_updates import read_manifest
from release_tools.releasing.mirror.mirror_release import mirror_files, with_installers
from release_tools.releasing.mirror.store import ObjectStore, StoredFile
from tests.release_tools.releasing.mirror.faulting_proxy import FaultingProxy
from tests.release_tools.releasing.mirror.mirroring import Mirrorer, ObservedClient, client_for, is_complete, read_state
from tests.release_tools.releasing.mirror.s3_server import BUCKET, CREDENTIALS, S3Server
from tests.release_tools.releasing.sample_release import make_release_files


@pytest.fixture
def mirrorer(s3: S3Server, proxy: FaultingProxy, tmp_path: Path) -> Mirrorer:
    return Mirrorer(server=s3, folder=tmp_path, prefix=s3.new_prefix(), port=proxy.port)


def test_files_are_downloadable_from_the_listed_urls(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    mirrorer.mirror("1.2.3")
    state = read_state(s3, mirrorer.prefix)
    assert is_complete(mirrorer, ["1.2.3"], "1.2.3")
    (version,) = state.manifest.versions
    for file in version.files[:10]:
        with urllib.request.urlopen(file.url) as response:  # noqa: S310 - of the loopback server
            assert response.read() == (tmp_path / "1.2.3" / file.name).read_bytes()
            assert "immutable" in response.headers["Cache-Control"]


def test_manifests_are_cached_for_a_short_time(mirrorer: Mirrorer, s3: S3Server) -> None:
    mirrorer.mirror("1.2.3")
    headers = read_state(s3, mirrorer.prefix).headers
    assert {name for name, value in headers.items() if "immutable" not in value and "max-age=60" in value} == {
        "versions.json",
        "latest.json",
        "install.sh",
        "conditional-writes.txt",
    }


def test_second_run_writes_nothing(mirrorer: Mirrorer, proxy: FaultingProxy) -> None:
    mirrorer.mirror("1.2.3")
    writes = [request.key for request in proxy.requests if request.method == "PUT"]
    # The manifests, the newest installer, and three to try out conditional writes.
    assert len(writes) == 11 + 2 + 1 + 3
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


def test_first_installer_of_a_version_stays(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    mirrorer.mirror("1.2.3")
    before = read_state(s3, mirrorer.prefix)
    dist = tmp_path / "1.2.3"
    newer = tmp_path / "install.sh"
    newer.write_text("# by newer release tools\n", encoding="utf-8")
    entry = with_installers(mirrorer.store, mirrorer.entry("1.2.3", dist), {"install.sh": newer})
    mirror_files(mirrorer.store, entry, {path.name: path for path in (*dist.iterdir(), newer)}, mirrorer.said.append)
    assert read_state(s3, mirrorer.prefix) == before


def test_package_can_be_added_later(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    mirrorer.mirror("1.2.3")
    (version,) = read_state(s3, mirrorer.prefix).manifest.versions
    package = tmp_path / "tiny_1.2.3_amd64.deb"
    package.write_bytes(b"a package\n")
    digest = sha256_of(package)
    url = mirrorer.store.mirror.public_url("1.2.3", package.name)
    file = MirroredFile(name=package.name, kind="package", platform="linux-amd64", url=url, size=10, sha256=digest)
    entry = replace(version, files=(file,))
    mirror_files(mirrorer.store, entry, {package.name: package}, mirrorer.said.append)
    state = read_state(s3, mirrorer.prefix)
    assert state.manifest.versions[0].files == (*version.files, file)
    assert state.files[f"1.2.3/{package.name}"] == b"a package\n"


def test_yank_moves_latest_and_the_installer_back(mirrorer: Mirrorer, s3: S3Server, proxy: FaultingProxy) -> None:
    proxy.yanked.add("1.3.0")
    mirrorer.mirror("1.2.3")
    mirrorer.mirror("1.3.0")
    mirrorer.yank("1.3.0")
    assert is_complete(mirrorer, ["1.2.3", "1.3.0"], "1.2.3")
    with pytest.raises(YankedVersionError):
        read_state(s3, mirrorer.prefix).manifest.require("1.3.0")
    mirrorer.yank("1.3.0", is_undone=True)
    assert is_complete(mirrorer, ["1.2.3", "1.3.0"], "1.3.0")


def test_yank_of_the_only_version_leaves_no_latest(mirrorer: Mirrorer, s3: S3Server) -> None:
    mirrorer.mirror("1.2.3")
    mirrorer.yank("1.2.3")
    assert read_state(s3, mirrorer.prefix).latest is None
    mirrorer.mirror("1.2.3")
    assert read_state(s3, mirrorer.prefix).latest is None


def test_version_that_is_not_mirrored_cannot_be_yanked(mirrorer: Mirrorer, s3: S3Server) -> None:
    with pytest.raises(MirrorError):
        mirrorer.yank("1.2.3")
    assert read_state(s3, mirrorer.prefix).files == {}


def test_yank_does_not_move_latest_to_missing_files(mirrorer: Mirrorer, s3: S3Server) -> None:
    mirrorer.mirror("1.2.3")
    mirrorer.mirror("1.3.0")
    (deleted,) = [
        file for file in read_state(s3, mirrorer.prefix).files if file.startswith("1.2.3/") and ".zip" in file[-4:]
    ]
    client: Any = s3.client()
    client.delete_object(Bucket=BUCKET, Key=f"{mirrorer.prefix}/{deleted}")
    with pytest.raises(ManifestError):
        mirrorer.yank("1.3.0")
    assert read_state(s3, mirrorer.prefix).latest == "1.3.0"


def test_lost_manifest_is_not_started_anew(mirrorer: Mirrorer, s3: S3Server) -> None:
    mirrorer.mirror("1.2.3")
    client: Any = s3.client()
    client.delete_object(Bucket=BUCKET, Key=f"{mirrorer.prefix}/versions.json")
    with pytest.raises(ManifestError):
        mirrorer.mirror("1.3.0")


def test_prefix_of_another_app_is_refused(mirrorer: Mirrorer, s3: S3Server) -> None:
    mirrorer.mirror("1.2.3")
    other = replace(s3.mirror(mirrorer.prefix), name="other")
    with pytest.raises(ManifestError):
        read_manifest(ObjectStore(other, CREDENTIALS, say=mirrorer.said.append))


@pytest.mark.parametrize("condition", ["IfNoneMatch", "IfMatch"])
def test_store_that_ignores_conditions_is_refused(mirrorer: Mirrorer, s3: S3Server, condition: str) -> None:
    client = client_for(s3, mirrorer.port, CREDENTIALS)

    class Ignoring(ObservedClient):
        def put_object(self, **parameters: object) -> dict[str, Any]:
            return super().put_object(**{name: value for name, value in parameters.items() if name != condition})

    with pytest.raises(UnconditionalStoreError):
        replace(mirrorer, client=Ignoring(client)).mirror("1.2.3")
    assert set(read_state(s3, mirrorer.prefix).files) == {"conditional-writes.txt"}


def test_missing_bucket_is_named(mirrorer: Mirrorer, s3: S3Server) -> None:
    missing = replace(s3.mirror(mirrorer.prefix), bucket="no-such-bucket")
    with pytest.raises(StoreRefusedError) as caught:
        ObjectStore(missing, CREDENTIALS, say=mirrorer.said.append).require_conditional_writes()
    assert (caught.value.status, caught.value.code) == (404, "NoSuchBucket")


def test_digest_is_downloaded_where_the_store_reports_none(mirrorer: Mirrorer, s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    client: Any = s3.client()
    client.put_object(Bucket=BUCKET, Key=f"{mirrorer.prefix}/1.2.3/file", Body=b"content")
    assert mirrorer.store.file("1.2.3", "file") == StoredFile(size=7, sha256=sha256_of(tmp_path / "file"))


def test_wrong_secret_is_refused_at_once(mirrorer: Mirrorer, s3: S3Server, proxy: FaultingProxy) -> None:
    wrong = Credentials(key_id="tester", secret="wrong", session_token=None)  # noqa: S106
    with pytest.raises(StoreRefusedError) as caught:
        replace(mirrorer, credentials=wrong).mirror("1.2.3")
    assert (caught.value.status, caught.value.code) == (403, "SignatureDoesNotMatch")
    assert "wrong" not in str(caught.value)
    assert len(proxy.requests) == 1
    assert read_state(s3, mirrorer.prefix).files == {}
