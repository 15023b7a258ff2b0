"""A fake GitHub with a branch, a workflow to dispatch, its runs and their artifacts."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.release_tools.releasing.fake_github import OWNER_AND_NAME, Answer, FakeRepository, Fault, refusal

WORKFLOW = "build-tiny-binaries.yml"
API = f"https://api.github.com/repos/{OWNER_AND_NAME}"
_STORAGE_PATH: Final = "/artifacts/"


def zipped(files: Sequence[Path]) -> bytes:
    """An artifact as GitHub returns it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        for file in files:
            opened.write(file, file.name)
    return content.getvalue()


class FakeWorkflowRepository(FakeRepository):
    """A repository with a branch and a workflow. Each request for a run moves it to the next status in `steps`.

    Every dispatch also adds a newer run, as if someone else started one at the same moment.
    """

    def __init__(self, branch: str, commit: str) -> None:
        super().__init__({})
        self.branch = branch
        self.commit = commit
        self.workflows = {WORKFLOW}
        self.steps: list[tuple[str, str | None]] = [("queued", None), ("completed", "success")]
        self.artifacts: dict[str, bytes] = {}
        self.inputs: list[Mapping[str, str]] = []
        self.runs: dict[int, dict[str, Any]] = {}

    def add_run(self, commit: str, workflow: str = WORKFLOW) -> int:
        """Add a run that this test didn't start."""
        number = self._next_id()
        address = f"https://github.com/{OWNER_AND_NAME}/actions/runs/{number}"
        url = f"{API}/actions/runs/{number}"
        links = {"html_url": address, "url": url, "jobs_url": f"{url}/jobs", "artifacts_url": f"{url}/artifacts"}
        names = {"name": "build", "display_title": "build", "event": "workflow_dispatch", "head_branch": self.branch}
        path = f".github/workflows/{workflow}"
        self.runs[number] = {"id": number, "head_sha": commit, "path": path, "workflow_id": 1, **names, **links}
        return number

    def add_tag_run(self, commit: str, tag: str, *, workflow: str = WORKFLOW, conclusion: str | None = None) -> int:
        """Add a run that the push of a tag starts. With a `conclusion`, it ended so, whatever `steps` says."""
        number = self.add_run(commit, workflow)
        self.runs[number] |= {"event": "push", "head_branch": tag}
        self.runs[number] |= {"status": "completed", "conclusion": conclusion} if conclusion else {}
        return number

    def _routes(
        self, query: Mapping[str, str], body: bytes, *, is_stale: bool, is_whole: bool
    ) -> list[tuple[str, Callable[[re.Match[str]], Answer]]]:
        return [
            ("GET /git/ref/heads/(.+)", lambda match: self._show_branch(match[1])),
            ("POST /actions/workflows/(.+)/dispatches", lambda match: self._dispatch(match[1], json.loads(body))),
            ("GET /actions/workflows/.+", lambda _: Answer(status=200, content={"id": 1, "name": "build"})),
            ("GET /actions/runs", lambda _: self._list_runs(query)),
            (r"GET /actions/runs/(\d+)", lambda match: self._show_run(int(match[1]))),
            (r"GET /actions/runs/(\d+)/jobs", lambda _: Answer(status=200, content={"total_count": 0, "jobs": []})),
            (r"GET /actions/runs/(\d+)/artifacts", lambda _: self._list_artifacts()),
            (r"GET /actions/artifacts/(\d+)/zip", lambda match: self._artifact(int(match[1]))),
            *super()._routes(query, body, is_stale=is_stale, is_whole=is_whole),
        ]

    def _show_branch(self, name: str) -> Answer:
        if name != self.branch:
            return refusal(404, "Not Found")
        return Answer(status=200, content={"object": {"sha": self.commit}})

    def _dispatch(self, workflow: str, fields: Mapping[str, Any]) -> Answer:
        if workflow not in self.workflows:
            return refusal(404, "Not Found")
        if fields["ref"] != self.branch:
            return refusal(422, f"No ref found for: {fields['ref']}")
        self.inputs.append(fields["inputs"])
        number = self.add_run(self.commit)
        self.add_run(self.commit)
        if not fields.get("return_run_details"):
            return Answer(status=204)
        run = self.runs[number]
        details = {"workflow_run_id": number, "run_url": run["url"], "html_url": run["html_url"]}
        return Answer(status=200, content=details)

    def _list_runs(self, query: Mapping[str, str]) -> Answer:
        """GitHub lists the newest first."""
        status, conclusion = self.steps[0]
        listed = [
            {"status": status, "conclusion": conclusion, **run}
            for _, run in sorted(self.runs.items(), reverse=True)
            if (run["head_sha"], run["event"]) == (query["head_sha"], query["event"])
        ]
        return Answer(status=200, content={"total_count": len(listed), "workflow_runs": listed})

    def _show_run(self, number: int) -> Answer:
        if number not in self.runs:
            return refusal(404, "Not Found")
        status, conclusion = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return Answer(status=200, content={"status": status, "conclusion": conclusion, **self.runs[number]})

    def _list_artifacts(self) -> Answer:
        listed = [
            {"id": number, "name": name, "archive_download_url": f"{API}/actions/artifacts/{number}/zip"}
            for number, name in enumerate(self.artifacts)
        ]
        return Answer(status=200, content={"total_count": len(listed), "artifacts": listed})

    def _answer_or_fault(self, method: str, target: str, token: str, body: bytes, fault: Fault | None) -> Answer | None:
        """Artifacts are on another server, which GitHub redirects to and which needs no token."""
        if fault is None and target.startswith(_STORAGE_PATH):
            return Answer(status=200, raw=list(self.artifacts.values())[int(target.removeprefix(_STORAGE_PATH))])
        return super()._answer_or_fault(method, target, token, body, fault)

    def _artifact(self, number: int) -> Answer:
        return Answer(status=302, headers={"Location": f"https://storage.example{_STORAGE_PATH}{number}"})
