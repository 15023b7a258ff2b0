"""Agents that call other agents."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.exceptions import ToolFailed

from agent_runner.agent_file import AgentFile, Permissions, Rules, load_agent_file, parse_agent_file
from agent_runner.engine import choose_models, run_agent
from agent_runner.errors import AgentFileError, EnvironmentVariableError, LimitReachedError
from agent_runner.output import Reporter
from agent_runner.permissions import PermissionChecker
from agent_runner.processes import ChildTrackingLoop
from agent_runner.stored_runs import Step, UnstoredRun
from tests.agent_runner.unit.run_requests import request_of_test_model

TEAM = "model: test\nagents: {helper: helper.yaml}\n"


class RecordedRun(UnstoredRun):
    def __init__(self) -> None:
        self.recorded: list[Step] = []

    def steps(self) -> list[Step]:
        return list(self.recorded)

    async def append(self, step: Step) -> None:
        # As it's stored.
        self.recorded.append(Step(kind=step.kind, value=json.loads(json.dumps(step.value))))


def write(folder: Path, files: Mapping[str, str]) -> AgentFile:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return load_agent_file(folder / next(iter(files)))


def run(agent_file: AgentFile, store: RecordedRun, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    request = request_of_test_model(agent_file, store=store)
    reporter = Reporter(as_events=True, detail="quiet")
    reporter.completed(run_agent(request, reporter, ChildTrackingLoop()))
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_called_agent_answers_and_its_usage_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent_file = write(tmp_path, {"team.yaml": TEAM, "helper.yaml": "tools: [list_dir]\n"})

    events = run(agent_file, RecordedRun(), capsys)

    answer = events[-1]
    assert json.loads(json.loads(answer["output"])["helper"]).keys() == {"list_dir"}
    assert (answer["usage"]["requests"], answer["usage"]["tool_calls"]) == (4, 2)
    assert [(event["tool"], event.get("agent")) for event in events if event["type"] == "tool_call"] == [
        ("helper", None),
        ("list_dir", "helper"),
    ]


@pytest.mark.parametrize("kept", range(1, 7))
def test_run_continues_after_any_step(tmp_path: Path, capsys: pytest.CaptureFixture[str], kept: int) -> None:
    agent_file = write(
        tmp_path,
        {
            "team.yaml": TEAM,
            "helper.yaml": "agents: {writer: writer.yaml}\n",
            "writer.yaml": "output_schema: {type: object, properties: {a: {type: string}}, required: [a]}\n",
        },
    )
    store = RecordedRun()
    whole = run(agent_file, store, capsys)[-1]
    steps = store.recorded
    assert [(step.agent, step.kind) for step in steps] == [
        ("", "response"),
        ("helper", "response"),
        ("helper/writer", "response"),
        ("helper", "tool_result"),
        ("helper", "response"),
        ("", "tool_result"),
        ("", "response"),
    ]

    store.recorded = steps[:kept]
    resumed = run(agent_file, store, capsys)[-1]

    assert [(step.agent, step.kind) for step in store.recorded] == [(step.agent, step.kind) for step in steps]
    assert resumed["output"] == whole["output"]
    assert resumed["usage"]["requests"] == whole["usage"]["requests"] == 5
    assert resumed["usage"]["tool_calls"] == whole["usage"]["tool_calls"]


@pytest.mark.parametrize(
    ("team", "helper", "limit"),
    [
        (TEAM + "limits: {requests: 2}\n", "tools: [list_dir]\n", "limits.requests"),
        (TEAM + "limits: {tool_calls: 1}\n", "tools: [list_dir]\n", "limits.tool_calls"),
        (TEAM + "limits: {tokens: 60}\n", "name: helper\n", "limits.tokens"),
        (TEAM, "tools: [list_dir]\nlimits: {requests: 1}\n", "helper.yaml: stopped after 1 model request"),
        (TEAM, "tools: [list_dir]\nlimits: {tokens: 1}\n", "helper.yaml: stopped after 1 token"),
        (TEAM, "tools: [list_dir, read_file]\nlimits: {tool_calls: 1}\n", "helper.yaml: stopped after 1 tool call"),
    ],
)
def test_limits_of_both_stop_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], team: str, helper: str, limit: str
) -> None:
    agent_file = write(tmp_path, {"team.yaml": team, "helper.yaml": helper})

    with pytest.raises(LimitReachedError) as caught:
        run(agent_file, RecordedRun(), capsys)

    assert limit in caught.value.message


def test_callers_rules_apply_to_called_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outer = PermissionChecker(Permissions(read_only=True, tools=Rules(deny=["list_dir"])))
    inner = PermissionChecker(Permissions(commands=Rules(allow=["*"])), outer=outer)

    for check in (inner.check_tool("list_dir"), inner.check_command("touch x"), inner.check_path("x", writes=True)):
        with pytest.raises(ToolFailed):
            asyncio.run(check)
    asyncio.run(inner.check_tool("read_file"))
    assert asyncio.run(inner.check_path("x", writes=False)) == (tmp_path / "x").resolve()


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (
            {"a.yaml": "agents: {b: b.yaml}", "b.yaml": "agents: {c: d/c.yaml}", "d/c.yaml": "agents: {a: ../a.yaml}"},
            " -> ",
        ),
        ({"a.yaml": "agents: {a: a.yaml}"}, "cycle"),
        ({"a.yaml": "agents: {b: absent.yaml}"}, "agents.b: agent file not found"),
        ({"a.yaml": "agents: {b: .}"}, "directory"),
        ({"a.yaml": "agents: {shell: b.yaml}", "b.yaml": ""}, "agents.shell"),
        ({"a.yaml": "agents: [b.yaml]"}, "agents"),
        ({"a.yaml": 'agents: {b: "x\\0"}'}, "NUL"),
        ({"a.yaml": f"agents: {{b: {'x' * 2000}}}"}, "agents.b"),
        ({"a.yaml": "agents: {b: b.yaml}", "b.yaml": "modell: x"}, "b.yaml: unknown key 'modell'"),
        ({"a.yaml": "agents: {b: b.yaml}", "b.yaml": "instructions: '{{x}}'\nvars: {x: null}"}, "variable 'x'"),
        ({f"{n}.yaml": f"agents: {{n: {n + 1}.yaml}}" for n in range(7)}, "levels"),
        (
            {"0.yaml": "agents: {" + ", ".join(f"n{n}: 1.yaml" for n in range(51)) + "}", "1.yaml": "model: test"},
            "agents in total",
        ),
    ],
)
def test_invalid_agents_are_refused(tmp_path: Path, files: Mapping[str, str], named: str) -> None:
    with pytest.raises(AgentFileError) as caught:
        write(tmp_path, files)

    assert named in caught.value.message


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_named_pipe_is_no_agent_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(AgentFileError):
        write(tmp_path, {"a.yaml": "agents: {b: pipe}"})


def test_variables_of_all_agents_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ABSENT", raising=False)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    files = {"a.yaml": "model: test\nagents: {b: b.yaml}", "b.yaml": "model: anthropic:x\nenv: [ABSENT]"}

    with pytest.raises(EnvironmentVariableError) as caught:
        choose_models(write(tmp_path, files), None)

    assert "ABSENT (b.yaml: env)" in caught.value.message
    assert "ANTHROPIC_API_KEY" in caught.value.message


def test_texts_of_all_agents_are_stored(tmp_path: Path) -> None:
    files = {"a.yaml": "agents: {b: b.yaml}", "b.yaml": "agents: {c: c.yaml}", "c.yaml": "description: last"}
    agent_file = write(tmp_path, files)

    stored = parse_agent_file(Path("elsewhere/a.yaml"), agent_file.text, agent_file.agent_texts)

    assert agent_file.agent_texts.keys() == {"b", "b/c"}
    assert stored.agents["b"].agents["c"].settings.description == "last"
