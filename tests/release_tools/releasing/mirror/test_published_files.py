"""Which bytes are mirrored: those that GitHub published, and nothing else."""

from pathlib import Path

import pytest

from release_tools.errors import ReleaseError
from release_tools.releasing.errors import MirrorError
from release_tools.releasing.mirror.published_files import (
    PublishedFiles,
    compare_with_published,
    download_published,
    find_published,
)
from tests.release_tools.releasing.fake_github import PUBLISHED_AT, FakeRepository, Fault
from tests.release_tools.releasing.publishers import Publisher
from tests.release_tools.releasing.sample_release import EXECUTABLE, TAG, VERSION, make_release_files


@pytest.fixture
def published(publisher: Publisher) -> Publisher:
    publisher.publish()
    return publisher


def download(publisher: Publisher, folder: Path) -> PublishedFiles:
    release = find_published(EXECUTABLE, publisher.github, TAG)
    return download_published(EXECUTABLE, publisher.github, release, folder, publisher.said.append)


def test_published_files_are_downloaded(published: Publisher, tmp_path: Path) -> None:
    found = download(published, tmp_path / "files")
    assert (found.version, found.date, found.files) == (VERSION, PUBLISHED_AT, published.files)


def test_real_gh_downloads_the_same_bytes(gh: FakeRepository, publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish()
    real = Publisher(folder=publisher.folder)
    assert download(real, tmp_path / "files").files == publisher.files
    assert gh.violations == []


def test_interrupted_download_is_resumed(published: Publisher, repository: FakeRepository, tmp_path: Path) -> None:
    download(published, tmp_path)
    first, second, *_ = sorted(tmp_path.iterdir())
    first.unlink()
    second.write_bytes(b"half")
    repository.log.clear()
    download(published, tmp_path)
    assert len([line for line in repository.log if "/releases/assets/" in line]) == 2


def test_broken_connections_are_retried(published: Publisher, repository: FakeRepository, tmp_path: Path) -> None:
    repository.faults = [Fault(kind="drop before", request="GET .*/releases/assets/", times=3)]
    assert len(download(published, tmp_path).files) == 10


def test_other_bytes_than_the_digest_are_refused(
    published: Publisher, repository: FakeRepository, tmp_path: Path
) -> None:
    number = repository.published[0]["assets"][0]["id"]
    repository._contents[number] = b"other bytes"
    with pytest.raises(MirrorError) as caught:
        download(published, tmp_path)
    assert [repository.published[0]["assets"][0]["name"] in one.what for one in caught.value.problems] == [True]


def test_local_files_must_be_the_published_ones(published: Publisher, tmp_path: Path) -> None:
    release = find_published(EXECUTABLE, published.github, TAG)
    dist = make_release_files(tmp_path / "dist")
    assert compare_with_published(EXECUTABLE, release, dist).files == published.files
    archive = min(dist.glob("*.zip"))
    archive.write_bytes(b"built again")
    with pytest.raises(MirrorError) as caught:
        compare_with_published(EXECUTABLE, release, dist)
    assert [archive.name in one.what for one in caught.value.problems] == [True]


@pytest.mark.parametrize("tag", ["other-v1.2.3", f"{EXECUTABLE}-v", f"{EXECUTABLE}-v9.9.9", "--help"])
def test_tag_without_published_release_is_refused(tag: str, published: Publisher) -> None:
    with pytest.raises(MirrorError) as caught:
        find_published(EXECUTABLE, published.github, tag)
    assert caught.value.tag == tag


def test_draft_is_refused(publisher: Publisher, repository: FakeRepository) -> None:
    repository.add_release(tag=TAG, is_draft=True)
    with pytest.raises(MirrorError):
        find_published(EXECUTABLE, publisher.github, TAG)


def test_incomplete_release_is_refused(published: Publisher, repository: FakeRepository) -> None:
    assets = repository.published[0]["assets"]
    missing = assets.pop()
    repository.add_asset(repository.published[0], "extra.txt", b"x")
    with pytest.raises(MirrorError) as caught:
        find_published(EXECUTABLE, published.github, TAG)
    problems = [problem.what for problem in caught.value.problems]
    assert [missing["name"] in problems[0], "extra.txt" in problems[1]] == [True, True]


def test_release_without_digests_is_refused(published: Publisher, repository: FakeRepository) -> None:
    repository.has_digests = False
    with pytest.raises(ReleaseError):
        find_published(EXECUTABLE, published.github, TAG)
