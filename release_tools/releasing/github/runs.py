"""Workflow runs on GitHub: finding and following them."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from release_tools.errors import Problem, ProgramEndedError, ReleaseError
from release_tools.processes.run import run
from release_tools.releasing.errors import WorkflowRunError
from release_tools.releasing.github.api import GitHubApi

# A run usually appears within seconds of the push.
_POLL_SECONDS: Final = 5.0
_POLLS: Final = 24
MAX_WAIT_SECONDS: Final = _POLL_SECONDS * (_POLLS - 1)


@dataclass(frozen=True, kw_only=True)
class WorkflowRun:
    """A workflow run as GitHub last showed it. `workflow` is the workflow's file name."""

    id: int
    url: str
    commit: str
    workflow: str
    is_finished: bool
    conclusion: str

    @property
    def is_successful(self) -> bool:
        return self.conclusion == "success"


def read_run(api: GitHubApi, run_id: int) -> WorkflowRun:
    """The run as it is now. Raises `WorkflowRunError` when it doesn't exist."""
    response = api.send("GET", f"actions/runs/{run_id}")
    if response.status == HTTPStatus.NOT_FOUND:
        raise WorkflowRunError(run_id, "not found on GitHub", "`gh run list` lists the runs")
    # https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run
    return _workflow_run(response.expect(f"show workflow run {run_id}", HTTPStatus.OK).content)


@dataclass(frozen=True, kw_only=True)
class TagPush:
    """A pushed tag, and the workflow that it starts. `older_run` is the newest run of an earlier push."""

    tag: str
    commit: str
    workflow: str
    older_run: int = 0


def find_tag_run(api: GitHubApi, push: TagPush) -> WorkflowRun | None:
    """The newest run that this push started, or None when there is none yet.

    Other workflows may start with the tag too, and a tag that was deleted and pushed again has the runs of both pushes.
    """
    runs = [
        _workflow_run(entry)
        for entry in _pushed_runs(api, push.commit)
        if entry.get("head_branch") == push.tag and entry.get("event") == "push"
    ]
    # IDs grow; the times of this machine and of GitHub may differ.
    own = (run for run in runs if run.workflow == push.workflow and run.id > push.older_run)
    return max(own, key=lambda run: run.id, default=None)


def wait_for_tag_run(api: GitHubApi, push: TagPush) -> WorkflowRun | None:
    """The run of a push as soon as it appears; None when it doesn't within `MAX_WAIT_SECONDS`."""
    for poll in range(_POLLS):
        if poll:
            api.clock.sleep(_POLL_SECONDS)
        found = find_tag_run(api, push)
        if found:
            return found
    return None


def follow_run(api: GitHubApi, found: WorkflowRun, root: Path, resume_hint: str) -> WorkflowRun:
    """Show the run in the terminal until it finishes, and return it as it is then.

    Raises `WorkflowRunError` with `resume_hint` when gh stops watching before that.
    """
    if found.is_finished:
        return found
    # gh exits with the same code when the run fails and when the connection does; the run itself shows which.
    with contextlib.suppress(ProgramEndedError):
        run(["gh", "run", "watch", "--exit-status", str(found.id)], cwd=root, env=api.repository_environment)
    ended = read_run(api, found.id)
    if not ended.is_finished:
        raise WorkflowRunError(found.id, "gh stopped watching before the run finished", resume_hint)
    return ended


def watch_problems(api: GitHubApi, commit: str) -> list[Problem]:
    """Why runs of this repository can't be followed from this machine."""
    try:
        _pushed_runs(api, commit)
    except ReleaseError as error:
        return [Problem(what=f"--watch can't follow the workflow run: {error.what}", hint=error.hint)]
    return []


def _pushed_runs(api: GitHubApi, commit: str) -> list[Mapping[str, Any]]:
    # https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
    response = api.send("GET", f"actions/runs?event=push&head_sha={commit}&per_page=100")
    runs: list[Mapping[str, Any]] = response.expect("list the workflow runs", HTTPStatus.OK).content["workflow_runs"]
    return runs


def _workflow_run(entry: Mapping[str, Any]) -> WorkflowRun:
    return WorkflowRun(
        id=int(entry["id"]),
        url=str(entry["html_url"]),
        commit=str(entry["head_sha"]),
        workflow=str(entry["path"]).partition("@")[0].rpartition("/")[2],
        is_finished=entry["status"] == "completed",
        conclusion=str(entry["conclusion"] or ""),
    )
