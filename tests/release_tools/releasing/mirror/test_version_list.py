"""`invoke versions`: what is where, what is left to do, and what can't be true."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from release_tools.releasing.errors import MirrorUnreachableError
from release_tools.releasing.mirror.version_list import (
    VersionList,
    contradictions,
    next_steps,
    read_versions,
    version_lines,
)
from release_tools.settings import ReleaseSettings
from tests.release_tools.releasing.fake_github import FakeRepository, fake_gh
from tests.release_tools.releasing.mirror.faulting_proxy import FaultingProxy
from tests.release_tools.releasing.mirror.mirroring import Mirrorer
from tests.release_tools.releasing.mirror.s3_server import BUCKET, S3Server, free_ports
from tests.release_tools.releasing.publishers import Publisher
from tests.release_tools.releasing.sample_release import COMMIT


@pytest.fixture
def mirrorer(s3: S3Server, proxy: FaultingProxy, tmp_path: Path) -> Mirrorer:
    return Mirrorer(server=s3, folder=tmp_path, prefix=s3.new_prefix(), port=proxy.port)


@pytest.fixture
def releases(repository: FakeRepository) -> FakeRepository:
    repository.tags.clear()
    return repository


def publish(repository: FakeRepository, mirrorer: Mirrorer, version: str, *, is_draft: bool = False) -> dict[str, Any]:
    tag = f"tiny-v{version}"
    repository.tags[tag] = COMMIT
    release = repository.add_release(tag=tag, is_draft=is_draft)
    for path in sorted(mirrorer.make_files(version).iterdir()):
        repository.add_asset(release, path.name, path.read_bytes())
    return release


def listed(settings: ReleaseSettings, repository: FakeRepository, mirrorer: Mirrorer) -> VersionList:
    github = Publisher(folder=mirrorer.folder, start=fake_gh(repository)).github
    return read_versions(settings, github, mirrorer.server.mirror(mirrorer.prefix))


def test_agreement_needs_nothing(settings: ReleaseSettings, releases: FakeRepository, mirrorer: Mirrorer) -> None:
    for version in ("1.2.3", "1.3.0rc1"):
        publish(releases, mirrorer, version)
        mirrorer.mirror(version)
    found = listed(settings, releases, mirrorer)
    assert (found.latest, contradictions(found), next_steps(found)) == ("1.2.3", [], [])
    _, first, second = (line.split() for line in version_lines(found))
    assert first[:4] == ["1.3.0rc1", "prerelease", "yes", "published"]
    assert (second[0], second[-1]) == ("1.2.3", "latest")


def test_missing_steps_are_named(settings: ReleaseSettings, releases: FakeRepository, mirrorer: Mirrorer) -> None:
    publish(releases, mirrorer, "1.2.3")
    publish(releases, mirrorer, "1.2.4", is_draft=True)
    releases.tags["tiny-v1.2.5"] = COMMIT
    found = listed(settings, releases, mirrorer)
    assert contradictions(found) == []
    steps = next_steps(found)
    assert len(steps) == 3
    assert steps[-1].endswith("invoke mirror --tag tiny-v1.2.3")


def test_project_without_mirror_lists_github(
    settings: ReleaseSettings, releases: FakeRepository, mirrorer: Mirrorer
) -> None:
    publish(releases, mirrorer, "1.2.3")
    github = Publisher(folder=mirrorer.folder, start=fake_gh(releases)).github
    found = read_versions(settings, github, None)
    assert (contradictions(found), next_steps(found)) == ([], [])
    assert [line.split()[-1] for line in version_lines(found)] == ["release", "published"]


def test_other_bytes_are_a_contradiction(
    settings: ReleaseSettings, releases: FakeRepository, mirrorer: Mirrorer
) -> None:
    release = publish(releases, mirrorer, "1.2.3")
    mirrorer.mirror("1.2.3")
    asset = release["assets"][0]
    asset["digest"] = f"sha256:{hashlib.sha256(b'other').hexdigest()}"
    (problem,) = contradictions(listed(settings, releases, mirrorer))
    assert asset["name"] in problem.what


def test_deleted_release_is_a_contradiction_until_yanked_files_agree(
    settings: ReleaseSettings, releases: FakeRepository, mirrorer: Mirrorer
) -> None:
    mirrorer.mirror("1.2.3")
    (problem,) = contradictions(listed(settings, releases, mirrorer))
    assert "1.2.3" in problem.what
    publish(releases, mirrorer, "1.2.3")
    mirrorer.yank("1.2.3")
    found = listed(settings, releases, mirrorer)
    assert (contradictions(found), found.latest) == ([], None)
    assert version_lines(found)[1].endswith("yanked: loses data")


def test_lost_file_and_outdated_latest_are_contradictions(
    settings: ReleaseSettings, releases: FakeRepository, mirrorer: Mirrorer, s3: S3Server
) -> None:
    publish(releases, mirrorer, "1.2.3")
    mirrorer.mirror("1.2.3")
    client: Any = s3.client()
    name = releases.published[0]["assets"][0]["name"]
    client.delete_object(Bucket=BUCKET, Key=f"{mirrorer.prefix}/1.2.3/{name}")
    client.delete_object(Bucket=BUCKET, Key=f"{mirrorer.prefix}/latest.json")
    problems = [problem.what for problem in contradictions(listed(settings, releases, mirrorer))]
    assert [name in problems[0], "latest.json" in problems[1], len(problems)] == [True, True, 2]


def test_unreachable_mirror_is_reported(
    settings: ReleaseSettings, releases: FakeRepository, mirrorer: Mirrorer
) -> None:
    nowhere = S3Server("127.0.0.1", free_ports(1)[0])
    github = Publisher(folder=mirrorer.folder, start=fake_gh(releases)).github
    with pytest.raises(MirrorUnreachableError) as caught:
        read_versions(settings, github, nowhere.mirror("tiny"))
    assert caught.value.url.endswith("/tiny/versions.json")
