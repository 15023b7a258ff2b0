"""The run of a tag, asked for and followed by the real gh."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from release_tools.releasing.errors import GitHubRefusedError, ReleaseRunFailedError, RemoteRunError
from release_tools.releasing.github.requests import Requests
from release_tools.releasing.github.runs import find_run, watch_problems, watch_run
from tests.release_tools.releasing.conftest import needs_gh
from tests.release_tools.releasing.github_server import OWNER_AND_NAME, Fault, reached_by_gh
from tests.release_tools.releasing.subjects import COMMIT, TAG
from tests.release_tools.releasing.workflow_server import WorkflowRepository

pytestmark = [pytest.mark.programs, needs_gh]


@pytest.fixture
def gh(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkflowRepository]:
    """A repository with runs of a branch, where the real `gh` reaches it."""
    github = WorkflowRepository("main", COMMIT)
    github.add_run(COMMIT)
    github.add_tag_run(COMMIT, "main")
    with reached_by_gh(github, monkeypatch):
        yield github


@pytest.fixture
def requests(tmp_path: Path) -> Requests:
    return Requests(tmp_path, say=lambda _: None)


def test_the_run_of_a_tag_is_found_once_it_is_there_and_no_other(gh: WorkflowRepository, requests: Requests) -> None:
    assert watch_problems(requests, COMMIT) == []
    assert find_run(requests, TAG, COMMIT) is None
    gh.add_tag_run("f" * 40, TAG)
    number = gh.add_tag_run(COMMIT, TAG)
    gh.add_tag_run(COMMIT, "another-v1.2.3")
    found = find_run(requests, TAG, COMMIT)
    assert found is not None
    assert (found.number, found.is_finished) == (number, False)
    assert found.address == f"https://github.com/{OWNER_AND_NAME}/actions/runs/{number}"


@pytest.mark.parametrize(
    ("conclusion", "error"),
    [("success", None), ("failure", ReleaseRunFailedError), ("cancelled", ReleaseRunFailedError)],
)
def test_a_run_is_followed_until_it_ends(
    gh: WorkflowRepository, requests: Requests, tmp_path: Path, conclusion: str, error: type[Exception] | None
) -> None:
    gh.add_tag_run(COMMIT, TAG)
    gh.steps = [("in_progress", None), ("completed", conclusion)]
    found = find_run(requests, TAG, COMMIT)
    assert found is not None
    if error is None:
        watch_run(requests, found, tmp_path)
        return
    with pytest.raises(error, match="failed; nothing was published by halves"):
        watch_run(requests, found, tmp_path)


def test_a_run_that_gh_loses_goes_on(gh: WorkflowRepository, requests: Requests, tmp_path: Path) -> None:
    gh.add_tag_run(COMMIT, TAG)
    gh.steps = [("in_progress", None)]
    gh.faults = [Fault(kind="status", request=r"GET .*/jobs", status=500, times=9)]
    found = find_run(requests, TAG, COMMIT)
    assert found is not None
    with pytest.raises(RemoteRunError, match="it goes on\nhint: the same command follows it again"):
        watch_run(requests, found, tmp_path)


def test_a_token_that_may_not_look_is_a_reason_not_to_watch(gh: WorkflowRepository, requests: Requests) -> None:
    gh.faults = [Fault(kind="status", request=r"GET .*/runs", status=403, message="not accessible", times=2)]
    with pytest.raises(GitHubRefusedError):
        find_run(requests, TAG, COMMIT)
    (problem,) = watch_problems(requests, COMMIT)
    assert problem.what.startswith(
        "--watch cannot follow the run: GitHub refused to list the runs of workflows: HTTP 403"
    )
