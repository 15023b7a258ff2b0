"""The run that GitHub starts for a pushed tag: finding it, and following it to its end."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from release_tools.errors import Problem, ReleaseError
from release_tools.releasing.errors import ReleaseRunFailedError, RemoteRunError
from release_tools.releasing.github.remote_builds import REPOSITORY, RemoteRun, content_of, follow_run, run_in
from release_tools.releasing.github.requests import Requests, check

# A run usually shows within seconds of the push.
_WAIT_SECONDS: Final = 5.0
_TRIES: Final = 24
LONGEST_WAIT_SECONDS: Final = _WAIT_SECONDS * (_TRIES - 1)


def watch_problems(requests: Requests, commit: str) -> list[Problem]:
    """Why no run of this repository could be followed from this machine."""
    try:
        _runs_of(requests, commit)
    except ReleaseError as error:
        return [Problem(what=f"--watch cannot follow the run: {error.what}", hint=error.hint)]
    return []


def find_run(requests: Requests, tag: str, commit: str) -> RemoteRun | None:
    """The newest run that the push of this tag has started, or None when there is none yet.

    Raises the errors of the requests.
    """
    for entry in _runs_of(requests, commit):
        if entry.get("head_branch") == tag and entry.get("event") == "push":
            return run_in(entry)
    return None


def await_run(requests: Requests, tag: str, commit: str, sleep: Callable[[float], None]) -> RemoteRun | None:
    """The run, once GitHub shows it; None when it does not within `LONGEST_WAIT_SECONDS`."""
    for number in range(_TRIES):
        if number:
            sleep(_WAIT_SECONDS)
        found = find_run(requests, tag, commit)
        if found:
            return found
    return None


def watch_run(requests: Requests, found: RemoteRun, root: Path) -> None:
    """Show the run on the terminal until it ends.

    Raises `ReleaseRunFailedError` when it did not succeed, `RemoteRunError` when gh gave up before its end, and the
    errors of the requests.
    """
    ended = found if found.is_finished else follow_run(requests, found, root)
    if not ended.is_finished:
        raise RemoteRunError(
            ended.number, "gh could not follow it to its end; it goes on", "the same command follows it again"
        )
    if not ended.is_successful:
        raise ReleaseRunFailedError(ended.number, ended.address)


def _runs_of(requests: Requests, commit: str) -> list[Mapping[str, Any]]:
    # https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
    reply = requests.send("GET", f"{REPOSITORY}/actions/runs?event=push&head_sha={commit}&per_page=100")
    runs: list[Mapping[str, Any]] = content_of(check(reply, "list the runs of workflows", [HTTPStatus.OK]).text)[
        "workflow_runs"
    ]
    return runs
