"""Every fault of the table, with a fake clock: nothing partial, no false success, no endless wait, and a way on."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from release_tools.errors import ReleaseError
from release_tools.releasing.errors import GitHubRefusedError, PublicReleaseError
from release_tools.releasing.github.api import WAIT_BUDGET_SECONDS
from release_tools.releasing.publish.release_files import gather_release_files
from tests.release_tools.releasing.fake_github import FakeRepository, fake_fetch, fake_gh
from tests.release_tools.releasing.publish.fault_table import CASES, Case
from tests.release_tools.releasing.publishers import FakeClock, Publisher, digests
from tests.release_tools.releasing.sample_release import COMMIT, EXECUTABLE, TAG, VERSION

# How long a refusal that no waiting changes may take.
REFUSAL_SECONDS = 60.0


def test_table_has_two_hundred_faults_and_forty_of_rights() -> None:
    groups = Counter(case.group for case in CASES)
    print(dict(groups), len(CASES))
    assert len({case.name for case in CASES}) == len(CASES) >= 200
    assert groups["rights"] >= 40


def hint_of(error: ReleaseError) -> str:
    """All hints of an error."""
    problems = getattr(error, "problems", ())
    return "; ".join([error.hint, *(problem.hint for problem in problems)])


def run(publisher: Publisher, repository: FakeRepository) -> ReleaseError | None:
    """The error of a run, after the checks that hold for every run."""
    publisher.clock = FakeClock()
    publisher.start = fake_gh(repository, publisher.clock.sleep)
    error = None
    try:
        publisher.publish()
    except ReleaseError as raised:
        error = raised
    assert error is None or hint_of(error)
    assert sum(publisher.clock.delays) <= WAIT_BUDGET_SECONDS
    ours = [release for release in repository.published if release["tag_name"] == TAG]
    is_complete = [assets_of(release) == repository.expected for release in ours]
    is_good = is_complete == [True] and repository.tags.get(TAG) == COMMIT
    assert is_good or error is not None, "false success"
    assert all(is_complete), "partial release"
    if repository.violations:
        # Someone else deleted a file in the moment when the draft was opened.
        assert isinstance(error, PublicReleaseError)
        assert error.is_closed
        repository.violations.clear()
    return error


def assets_of(release: Mapping[str, Any]) -> dict[str, str]:
    return {asset["name"]: asset["digest"].removeprefix("sha256:") for asset in release["assets"] if asset["digest"]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault_leaves_nothing_partial_and_a_way_on(case: Case, dist: Path) -> None:
    files = gather_release_files(EXECUTABLE, VERSION, dist)
    repository = FakeRepository({TAG: COMMIT}, digests(files))
    publisher = Publisher(folder=dist, fetch=fake_fetch(repository))
    case.arrange(repository)
    first = run(publisher, repository)
    if case.ends == "published":
        assert first is None
    if case.ends in {"refused", "error"}:
        assert first is not None
    if first and case.ends == "refused":
        assert sum(publisher.clock.delays) <= REFUSAL_SECONDS
        assert case.hint in hint_of(first)
    if isinstance(first, GitHubRefusedError | PublicReleaseError):
        assert sum(publisher.clock.delays) <= REFUSAL_SECONDS
    # Again without a change: it ends the same way, or published.
    run(publisher, repository)
    case.heal(repository)
    last = run(publisher, repository)
    assert (last is not None) is case.stays
