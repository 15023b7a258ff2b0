"""A run that one version began is finished by the next.

`stored_runs/` has runs as the version with that step format stored them, each killed at another kind of step. If one of
these tests fails, the next version can't continue released runs. Undo the change, or raise `STEP_FORMAT`, so that those
runs are refused by name, and add runs of the new format with `write_stored_runs`.
"""

import json
import os
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from .model_server import Hold, ModelServer, Reply, ToolCall
from .program import Program, program_command

FORMAT = 1
FOLDER = Path(__file__).with_name("stored_runs") / str(FORMAT)
# The program of the last release: an executable, tried before a release with `nox -s tests`.
PREVIOUS_VARIABLE = "AGENT_RUNNER_PREVIOUS"


def shout(text: str) -> ToolCall:
    return ToolCall(name="remote_shout", arguments={"text": text})


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a run has done when it's killed, and what's left."""

    begins: tuple[Reply, ...]
    ends: tuple[Reply, ...]
    agent: str = ""
    answer: str = "done\n"
    waits_in_tool: bool = False
    tool_results: tuple[str, ...] = ()
    called: tuple[tuple[str, str], ...] = ()


_SCHEMA = "output_schema: {type: object, properties: {total: {type: integer}}, required: [total]}\n"
_DONE = Reply(pieces=("done",))
SHAPES = {
    "first-request": Shape(begins=(), ends=(_DONE,)),
    "request-after-tool": Shape(
        begins=(Reply(pieces=("Look. ",), tool_calls=(shout("one"),)),),
        ends=(_DONE,),
        tool_results=("ONE",),
        called=(("shout", "one"),),
    ),
    "tool-under-way": Shape(
        begins=(Reply(tool_calls=(shout("one"), ToolCall(name="remote_wait", arguments={"text": "two"}))),),
        ends=(_DONE,),
        waits_in_tool=True,
        tool_results=("ONE", "two"),
        called=(("shout", "one"), ("wait", "two"), ("wait", "two")),
    ),
    "failed-built-in-tool": Shape(
        agent="tools: [read_file, write_file]\n",
        begins=(
            Reply(
                tool_calls=(
                    ToolCall(name="write_file", arguments={"path": "new.txt", "content": "grüße"}),
                    ToolCall(name="read_file", arguments={"path": "missing.txt"}),
                )
            ),
        ),
        ends=(_DONE,),
        tool_results=("wrote 7 bytes to new.txt", "missing.txt"),
    ),
    "rejected-answer": Shape(
        agent=_SCHEMA,
        begins=(Reply(tool_calls=(ToolCall(name="final_result", arguments={"total": "three"}),)),),
        ends=(Reply(tool_calls=(ToolCall(name="final_result", arguments={"total": 3}),)),),
        answer='{\n  "total": 3\n}\n',
        tool_results=("integer",),
    ),
}


def begin(program: Program, model_server: ModelServer, shape: Shape, command: list[str]) -> None:
    """Begin a run and kill it."""
    hold = Hold()
    if shape.waits_in_tool:
        model_server.will_wait_in_tool(hold)
        model_server.will_answer(*shape.begins)
    else:
        model_server.will_answer(*shape.begins, Reply(hold=hold))
    program.environment["MCP_URL"] = model_server.mcp_url
    agent = f"model: openai-chat:scripted\nmcpServers: {{remote: {{url: '${{MCP_URL}}'}}}}\n{shape.agent}"
    agent_file = program.write("agent.yaml", agent)
    with program.start("run", agent_file, "hi", command=command) as running:
        hold.wait_until_reached()
        if shape.waits_in_tool:
            running.wait_for_stderr("< ONE")
        running.kill()
    hold.release()


def check_end(program: Program, model_server: ModelServer, shape: Shape) -> None:
    """Continue the run, and check that it repeats nothing and knows everything."""
    model_server.will_answer(*shape.ends)

    finished = program.run("resume", "--last", "-C", str(program.folder))

    assert (finished.exit_code, finished.stdout) == (0, shape.answer), finished.stderr
    results = model_server.requests[-1].texts("tool")
    assert len(results) == len(shape.tool_results)
    for result, expected in zip(results, shape.tool_results, strict=True):
        assert expected in result


def write_stored_runs(program: Program, model_server: ModelServer, name: str) -> None:
    """Write the file of one shape, as this version stores it."""
    begin(program, model_server, SHAPES[name], program_command())
    (database,) = program.state_folder.glob("*/run.db")
    with closing(sqlite3.connect(database)) as connection:
        dump = "\n".join(connection.iterdump())
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.sql").write_text(dump.replace(str(program.folder), "/nonexistent") + "\n", encoding="utf-8")


def test_every_kind_of_step_is_stored() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.sql")) == sorted(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_released_run_is_continued(program: Program, model_server: ModelServer, name: str) -> None:
    folder = program.state_folder / "0123456789ab"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    with closing(sqlite3.connect(folder / "run.db")) as connection:
        connection.executescript((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    program.environment["MCP_URL"] = model_server.mcp_url

    check_end(program, model_server, SHAPES[name])

    # Only the call that was under way is made again.
    assert model_server.called_tools == ([("wait", "two")] if SHAPES[name].waits_in_tool else [])


@pytest.mark.skipif(PREVIOUS_VARIABLE not in os.environ, reason=f"{PREVIOUS_VARIABLE} isn't the last release's program")
@pytest.mark.parametrize("name", SHAPES)
def test_run_of_last_release_is_continued(program: Program, model_server: ModelServer, name: str) -> None:
    begin(program, model_server, SHAPES[name], [os.environ[PREVIOUS_VARIABLE]])

    check_end(program, model_server, SHAPES[name])

    assert Counter(model_server.called_tools) == Counter(SHAPES[name].called)


def change_format(program: Program) -> None:
    (database,) = program.state_folder.glob("*/run.db")
    with closing(sqlite3.connect(database)) as connection, connection:
        (stored,) = connection.execute("select value from run where name = 'input'").fetchone()
        changed = json.dumps({**json.loads(stored), "format": FORMAT + 1, "program_version": "9.8.7"})
        connection.execute("update run set value = ? where name = 'input'", (changed,))


@pytest.mark.source_only
def test_run_of_another_format_is_refused_by_version(program: Program, model_server: ModelServer) -> None:
    begin(program, model_server, SHAPES["request-after-tool"], program_command())
    change_format(program)

    refused = program.run("resume", "--last")

    assert refused.exit_code == 2
    assert "9.8.7" in refused.errors[0]
    assert "9.8.7" in program.run("runs", "--json").stdout
