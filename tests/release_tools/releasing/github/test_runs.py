"""The workflow run of a tag, found and followed by the real gh."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from release_tools.releasing.errors import GitHubRefusedError, WorkflowRunError
from release_tools.releasing.github.api import GitHubApi
from release_tools.releasing.github.runs import (
    TagPush,
    WorkflowRun,
    find_tag_run,
    follow_run,
    read_run,
    wait_for_tag_run,
    watch_problems,
)
from tests.release_tools.releasing.fake_github import Fault, fake_gh, served_to_gh
from tests.release_tools.releasing.fake_workflows import WORKFLOW, FakeWorkflowRepository
from tests.release_tools.releasing.publishers import FakeClock
from tests.release_tools.releasing.sample_release import COMMIT, TAG

PUSH = TagPush(tag=TAG, commit=COMMIT, workflow=WORKFLOW)


@pytest.fixture
def gh(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorkflowRepository]:
    """A repository with runs of a branch, served to the real `gh`."""
    github = FakeWorkflowRepository("main", COMMIT)
    github.add_run(COMMIT)
    github.add_tag_run(COMMIT, "main")
    with served_to_gh(github, monkeypatch):
        yield github


@pytest.fixture
def api(tmp_path: Path) -> GitHubApi:
    return GitHubApi(tmp_path, say=lambda _: None)


def tag_run(gh: FakeWorkflowRepository, api: GitHubApi) -> WorkflowRun:
    return read_run(api, gh.add_tag_run(COMMIT, TAG))


def test_only_the_run_of_the_tag_is_found(gh: FakeWorkflowRepository, api: GitHubApi) -> None:
    assert watch_problems(api, COMMIT) == []
    assert find_tag_run(api, PUSH) is None
    gh.add_tag_run("f" * 40, TAG)
    run_id = gh.add_tag_run(COMMIT, TAG)
    gh.add_tag_run(COMMIT, "another-v1.2.3")
    gh.add_tag_run(COMMIT, TAG, workflow="docs.yml", conclusion="success")
    found = find_tag_run(api, PUSH)
    assert found is not None
    assert (found.id, found.is_finished) == (run_id, False)


def test_run_of_an_earlier_push_is_not_taken(tmp_path: Path) -> None:
    github = FakeWorkflowRepository("main", COMMIT)
    old = github.add_tag_run(COMMIT, TAG, conclusion="success")
    api = GitHubApi(tmp_path, start=fake_gh(github), clock=FakeClock(), say=lambda _: None)
    push = dataclasses.replace(PUSH, older_run=old)
    assert wait_for_tag_run(api, push) is None
    new = github.add_tag_run(COMMIT, TAG)
    github.add_tag_run(COMMIT, TAG, workflow="docs.yml")
    found = wait_for_tag_run(api, push)
    assert found is not None
    assert found.id == new


@pytest.mark.parametrize("conclusion", ["success", "failure", "cancelled"])
def test_run_is_followed_until_it_finishes(
    gh: FakeWorkflowRepository, api: GitHubApi, tmp_path: Path, conclusion: str
) -> None:
    gh.steps = [("queued", None), ("in_progress", None), ("completed", conclusion)]
    followed = follow_run(api, tag_run(gh, api), tmp_path, "resume")
    assert (followed.is_finished, followed.is_successful) == (True, conclusion == "success")


def test_unfinished_run_is_an_error_with_resume_hint(
    gh: FakeWorkflowRepository, api: GitHubApi, tmp_path: Path
) -> None:
    gh.steps = [("in_progress", None)]
    gh.faults = [Fault(kind="status", request=r"GET .*/jobs", status=500, times=9)]
    with pytest.raises(WorkflowRunError) as caught:
        follow_run(api, tag_run(gh, api), tmp_path, "resume")
    assert caught.value.hint == "resume"


def test_missing_run_is_an_error(api: GitHubApi, gh: FakeWorkflowRepository) -> None:
    with pytest.raises(WorkflowRunError) as caught:
        read_run(api, max(gh.runs) + 1)
    assert caught.value.run_id == max(gh.runs) + 1


def test_token_without_access_cannot_watch(gh: FakeWorkflowRepository, api: GitHubApi) -> None:
    gh.faults = [Fault(kind="status", request=r"GET .*/runs", status=403, message="not accessible", times=2)]
    with pytest.raises(GitHubRefusedError):
        find_tag_run(api, PUSH)
    assert len(watch_problems(api, COMMIT)) == 1
