"""After any fault, no incomplete release is published, and a rerun ends published."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.errors import ReleaseError
from tests.release_tools.releasing.fake_github import FakeRepository, Fault, fake_gh
from tests.release_tools.releasing.publishers import Publisher, is_fully_published
from tests.release_tools.releasing.sample_release import TAG

REPOSITORY = "/repos/owner/tiny"
LIST = f"GET {REPOSITORY}/releases\\?"
CREATE = f"POST {REPOSITORY}/releases$"
UPLOAD = f"POST {REPOSITORY}/releases/\\d+/assets"
SHOW = f"GET {REPOSITORY}/releases/\\d+$"
PUBLISH = f"PATCH {REPOSITORY}/releases"

# The faults, and how many runs it takes to publish.
FAULTS: dict[str, tuple[list[Fault], int]] = {
    "none": ([], 1),
    "502 on listing releases": ([Fault(kind="status", request=LIST, times=2)], 1),
    "503 on creating the draft": ([Fault(kind="status", request=CREATE, status=503)], 1),
    "500 on an upload": ([Fault(kind="status", request=UPLOAD, status=500, skip=4)], 1),
    "502 on publishing": ([Fault(kind="status", request=PUBLISH)], 1),
    "502 on every request": ([Fault(kind="status", request=".", times=7)], 2),
    "429 with Retry-After": ([Fault(kind="status", request=UPLOAD, status=429, headers={"Retry-After": "37"})], 1),
    "403, secondary rate limit": (
        [Fault(kind="status", request=CREATE, status=403, message="You have exceeded a secondary rate limit")],
        1,
    ),
    "403, rate limit for an hour": (
        [
            Fault(
                kind="status",
                request=UPLOAD,
                status=403,
                skip=3,
                headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1003600"},
            )
        ],
        2,
    ),
    "connection lost before the draft is created": ([Fault(kind="drop before", request=CREATE)], 1),
    "connection lost after the draft is created": ([Fault(kind="drop after", request=CREATE)], 1),
    "connection lost after the draft, stale list": (
        [Fault(kind="drop after", request=CREATE), Fault(kind="stale", request=LIST, skip=1)],
        1,
    ),
    "connection lost during an upload": ([Fault(kind="part", request=UPLOAD, skip=2)], 1),
    "connection lost after an upload": ([Fault(kind="drop after", request=UPLOAD, skip=9)], 1),
    "connection lost after publishing": ([Fault(kind="drop after", request=PUBLISH)], 1),
    "half of a file stored": ([Fault(kind="truncate", request=UPLOAD, skip=1)], 1),
    "other bytes stored": ([Fault(kind="corrupt", request=UPLOAD, skip=6)], 1),
    "other bytes of one file stored every time": (
        [Fault(kind="corrupt", request=f"{UPLOAD}.*linux-arm64.tar.gz$", times=11)],
        2,
    ),
    "no digests": ([Fault(kind="no digest", request=SHOW, skip=1)], 1),
    "stale list of releases": ([Fault(kind="stale", request=LIST, times=4)], 1),
    "HTML page of a proxy": ([Fault(kind="not json", request=LIST)], 1),
    "token without write access": (
        [Fault(kind="status", request=CREATE, status=403, message="Resource not accessible")],
        2,
    ),
}


# Faults that `gh` itself handles; the others look the same with and without it.
FAULTS_FOR_GH = (
    "502 on publishing",
    "429 with Retry-After",
    "403, secondary rate limit",
    "connection lost after the draft is created",
    "connection lost during an upload",
    "connection lost after publishing",
    "half of a file stored",
    "other bytes stored",
)


@pytest.mark.parametrize("name", FAULTS)
def test_rerun_after_fault_ends_published(name: str, publisher: Publisher, repository: FakeRepository) -> None:
    publish_despite(name, publisher, repository)


@pytest.mark.parametrize("name", FAULTS_FOR_GH)
def test_rerun_after_fault_ends_published_with_gh(name: str, dist: Path, gh: FakeRepository) -> None:
    publish_despite(name, Publisher(folder=dist), gh)


def publish_despite(name: str, publisher: Publisher, repository: FakeRepository) -> None:
    """Publish in exactly as many runs as the fault costs."""
    faults, expected_runs = FAULTS[name]
    repository.faults = [replace(fault) for fault in faults]
    runs = 0
    while not is_fully_published(repository, TAG):
        runs += 1
        assert runs <= expected_runs, publisher.said
        assert repository.violations == []
        with suppress(ReleaseError):
            publisher.publish()
    assert runs == expected_runs
    assert all(fault.times == 0 for fault in repository.faults), "the fault never happened"


def test_published_release_is_left_unchanged(dist: Path, publisher: Publisher, repository: FakeRepository) -> None:
    first = publisher.publish()
    assert len(repository.changes) == 12
    assert Publisher(folder=dist, publisher_id="run-2", start=fake_gh(repository)).publish() == first
    assert len(repository.changes) == 12
