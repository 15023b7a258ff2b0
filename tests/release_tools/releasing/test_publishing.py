"""The table of faults, with the real `gh`: whatever goes wrong, nothing unfinished is public, and a re-run ends it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from release_tools.errors import ReleaseError
from release_tools.releasing.errors import (
    GitHubRefusedError,
    GitHubUnreachableError,
    NotSignedInError,
    RateLimitError,
    UnsettledError,
)

from .conftest import needs_gh
from .github_server import Fault, FaultKind, Repository
from .publishers import Publisher, is_settled
from .subjects import TAG

pytestmark = [pytest.mark.programs, needs_gh]

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
    "GitHub states no digests": ([Fault(kind="no digest", request=SHOW)], 1),
    "the list of releases is old": ([Fault(kind="stale", request=LIST, times=4)], 1),
    "the page of a proxy instead of an answer": ([Fault(kind="not json", request=LIST)], 1),
    "the token may not write": ([Fault(kind="status", request=CREATE, status=403, message="Resource not accessible")], 2),
}


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """What each fault came to; shown at the end with `pytest -s`."""
    rows = [f"{'fault':<50} starts requests waited public and partial"]
    yield rows
    print("", *rows, f"{len(rows) - 1} faults", sep="\n")


@pytest.mark.parametrize("name", FAULTS)
def test_after_a_fault_nothing_partial_is_public_and_a_rerun_ends_published(
    name: str, dist: Path, gh: Repository, table: list[str]
) -> None:
    gh.faults, wanted_starts = FAULTS[name]
    publisher = Publisher(folder=dist)
    starts = 0
    while not is_settled(gh, TAG):
        starts += 1
        assert starts <= wanted_starts, publisher.said
        assert gh.violations == []
        try:
            publisher.publish()
        except ReleaseError as error:
            assert starts < wanted_starts, error
    assert starts == wanted_starts
    assert all(fault.times == 0 for fault in gh.faults), "the fault was never met"
    waited = sum(publisher.clock.waits)
    table.append(f"{name:<50} {starts:>6} {len(gh.log):>8} {waited:>5.0f}s {len(gh.violations):>18}")


def test_a_published_release_is_found_and_left_alone(dist: Path, gh: Repository) -> None:
    first = Publisher(folder=dist).publish()
    changes = len([line for line in gh.log if not line.startswith("GET")])
    assert Publisher(folder=dist, name="run-2").publish() == first
    assert len([line for line in gh.log if not line.startswith("GET")]) == changes == 12
