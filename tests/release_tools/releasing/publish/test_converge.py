"""The table of faults: whatever goes wrong, nothing unfinished is public, and a re-run ends published."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.errors import ReleaseError
from tests.release_tools.releasing.conftest import needs_gh
from tests.release_tools.releasing.github_server import Fault, Repository, stand_in
from tests.release_tools.releasing.publishers import Publisher, is_settled
from tests.release_tools.releasing.subjects import TAG

REPOSITORY = "/repos/owner/tiny"
LIST = f"GET {REPOSITORY}/releases\\?"
CREATE = f"POST {REPOSITORY}/releases$"
UPLOAD = f"POST {REPOSITORY}/releases/\\d+/assets"
SHOW = f"GET {REPOSITORY}/releases/\\d+$"
OPEN = f"PATCH {REPOSITORY}/releases"

# What goes wrong, and how often the command has to be started until the release is public.
FAULTS: dict[str, tuple[list[Fault], int]] = {
    "nothing": ([], 1),
    "502 for the list of releases": ([Fault(kind="status", request=LIST, times=2)], 1),
    "503 for making the draft": ([Fault(kind="status", request=CREATE, status=503)], 1),
    "500 for an upload": ([Fault(kind="status", request=UPLOAD, status=500, skip=4)], 1),
    "502 for opening it": ([Fault(kind="status", request=OPEN)], 1),
    "502 for every request": ([Fault(kind="status", request=".", times=7)], 2),
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
    "connection breaks before the draft is made": ([Fault(kind="drop before", request=CREATE)], 1),
    "connection breaks after the draft was made": ([Fault(kind="drop after", request=CREATE)], 1),
    "the same, and the list is old": (
        [Fault(kind="drop after", request=CREATE), Fault(kind="stale", request=LIST, skip=1)],
        1,
    ),
    "connection breaks in the middle of an upload": ([Fault(kind="part", request=UPLOAD, skip=2)], 1),
    "connection breaks after an upload": ([Fault(kind="drop after", request=UPLOAD, skip=9)], 1),
    "connection breaks after it was opened": ([Fault(kind="drop after", request=OPEN)], 1),
    "GitHub keeps half of a file": ([Fault(kind="truncate", request=UPLOAD, skip=1)], 1),
    "GitHub keeps other bytes": ([Fault(kind="corrupt", request=UPLOAD, skip=6)], 1),
    "GitHub keeps other bytes of one file each time": (
        [Fault(kind="corrupt", request=f"{UPLOAD}.*linux-arm64.tar.gz$", times=11)],
        2,
    ),
    "GitHub states no digests": ([Fault(kind="no digest", request=SHOW, skip=1)], 1),
    "the list of releases is old": ([Fault(kind="stale", request=LIST, times=4)], 1),
    "the page of a proxy instead of an answer": ([Fault(kind="not json", request=LIST)], 1),
    "the token may not write": (
        [Fault(kind="status", request=CREATE, status=403, message="Resource not accessible")],
        2,
    ),
}


# Those in which `gh` itself has a say. The others are the same to it as a smooth run.
FAULTS_FOR_GH = (
    "502 for opening it",
    "429 with Retry-After",
    "403, secondary rate limit",
    "connection breaks after the draft was made",
    "connection breaks in the middle of an upload",
    "connection breaks after it was opened",
    "GitHub keeps half of a file",
    "GitHub keeps other bytes",
)


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """What each fault came to; shown at the end with `pytest -s`."""
    rows = [f"{'fault':<52} starts requests waited public and partial"]
    yield rows
    print("", *rows, f"{len(rows) - 1} faults", sep="\n")


@pytest.mark.parametrize("name", FAULTS)
def test_after_a_fault_nothing_partial_is_public_and_a_rerun_ends_published(
    name: str, publisher: Publisher, repository: Repository, table: list[str]
) -> None:
    table.append(row_of(name, "", publisher, repository))


@pytest.mark.programs
@needs_gh
@pytest.mark.parametrize("name", FAULTS_FOR_GH)
def test_the_same_with_the_program_gh(name: str, dist: Path, gh: Repository, table: list[str]) -> None:
    table.append(row_of(name, "gh: ", Publisher(folder=dist), gh))


def row_of(name: str, kind: str, publisher: Publisher, repository: Repository) -> str:
    """A row of the table, after the command was started as often as it takes."""
    faults, wanted_starts = FAULTS[name]
    repository.faults = [replace(fault) for fault in faults]
    starts = 0
    while not is_settled(repository, TAG):
        starts += 1
        assert starts <= wanted_starts, publisher.said
        assert repository.violations == []
        with suppress(ReleaseError):
            publisher.publish()
    assert starts == wanted_starts
    assert all(fault.times == 0 for fault in repository.faults), "the fault was never met"
    waited = sum(publisher.clock.waits)
    partial = len(repository.violations)
    return f"{kind + name:<52} {starts:>6} {len(repository.log):>8} {waited:>5.0f}s {partial:>18}"


def test_a_published_release_is_found_and_left_alone(dist: Path, publisher: Publisher, repository: Repository) -> None:
    first = publisher.publish()
    assert len(repository.changes) == 12
    assert Publisher(folder=dist, name="run-2", start=stand_in(repository)).publish() == first
    assert len(repository.changes) == 12
