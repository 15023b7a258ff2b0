"""A worker runs a submitted run with everything that was submitted."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from agent_runner.agent_file import load_agent_file
from agent_runner.output import Reporter
from agent_runner.run_commands import new_run_input
from agent_runner.shared_store import SharedRun
from agent_runner.stored_runs import STEP_FORMAT
from agent_runner.worker import Worker, _request

if TYPE_CHECKING:
    from psycopg import Connection

    from agent_runner.processes import ChildTrackingLoop


def test_worker_has_variables_files_and_agents(tmp_path: Path) -> None:
    (tmp_path / "helper.yaml").write_text("description: helps")
    (tmp_path / "image").write_bytes(b"GIF89a")
    path = tmp_path / "agent.yaml"
    path.write_text("model: test\ninstructions: Be {{tone}}.\nvars: {tone: null}\nagents: {helper: helper.yaml}")
    run_input = new_run_input(
        load_agent_file(path), ("test",), "hi", variables={"tone": "kind"}, files=[tmp_path / "image", path]
    )
    stored = json.loads(json.dumps(run_input.as_json()))
    for file in tmp_path.iterdir():
        file.unlink()

    request = _request("4f", stored, cast("SharedRun", None))

    assert request.agent_file.settings.instructions == "Be kind."
    assert request.agent_file.agents["helper"].settings.description == "helps"
    assert [attachment["media_type"] for attachment in request.attachments] == ["image/gif", "text/plain"]
    assert "vars: {tone: null}" in request.attachments[1]["content"]


def test_worker_logs_where_a_run_met_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    worker = Worker("postgresql://localhost/runs", Reporter(), concurrency=1, grace_seconds=1)
    worker._steps = cast("Connection[Any]", None)

    outcome = worker._outcome("4f", {"format": STEP_FORMAT, "model_names": 1}, cast("ChildTrackingLoop", None))

    assert (outcome.status, outcome.error and outcome.error["kind"]) == ("failed", "internal")
    assert "stored_runs.py" in capsys.readouterr().err
