"""Limits and timeouts: exit code 3, and a message that names the limit."""

import json

import pytest

from .model_server import Hold, ModelServer, Reply, ToolCall
from .program import Lifeline, Program


@pytest.mark.parametrize(
    ("limit", "error"),
    [
        ("requests: 1", "stopped after 1 model request (limits.requests)"),
        pytest.param("tokens: 20", "stopped after 20 tokens (limits.tokens)", marks=pytest.mark.wording),
    ],
)
def test_a_limit_that_is_reached_is_named(program: Program, model_server: ModelServer, limit: str, error: str) -> None:
    again = Reply(tool_calls=(ToolCall(name="list_dir"),))
    model_server.will_answer(again, again, again)
    agent_file = program.write("agent.yaml", f"model: openai-chat:scripted\ntools: [list_dir]\nlimits: {{{limit}}}\n")

    finished = program.run("run", agent_file, "hi", "--json", environment={"OPENAI_BASE_URL": model_server.url})

    assert finished.exit_code == 3
    assert finished.errors[0] == f"error: {error}"
    assert finished.errors[1].startswith("hint: raise limits.")
    result = json.loads(finished.stdout)
    assert (result["status"], result["error"]["kind"]) == ("failed", "limit")
    assert result["usage"]["requests"] >= 1


def test_a_run_that_takes_too_long_is_stopped_with_its_servers(
    program: Program, model_server: ModelServer, stdio_server: str, lifeline: Lifeline
) -> None:
    model_server.will_answer(Reply(pieces=("late",), hold=Hold()))
    agent_file = program.write(
        "agent.yaml",
        f"""\
model: openai-chat:scripted
mcpServers: {{helper: {{{stdio_server}, env: {{LIFELINE: "{lifeline.address}"}}}}}}
limits: {{seconds: 600}}
""",
    )

    with program.start(
        "run", agent_file, "hi", "--timeout", "2", environment={"OPENAI_BASE_URL": model_server.url}
    ) as running:
        running.send_stdin(b"")
        finished = running.finish()

    lifeline.require_gone_if_it_ever_lived()
    assert (finished.exit_code, finished.stdout) == (3, "")
    assert finished.errors == ["error: stopped after 2 seconds (--timeout)", "hint: raise --timeout"]
