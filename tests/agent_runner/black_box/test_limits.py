"""Limits and timeouts: exit code 3."""

from .model_server import Hold, ModelServer, Reply, ToolCall
from .program import SLOWNESS, Lifeline, Program


def test_reached_limit_is_named(program: Program, model_server: ModelServer) -> None:
    again = Reply(tool_calls=(ToolCall(name="list_dir"),))
    model_server.will_answer(again, again)

    finished = program.run_agent("model: openai-chat:scripted\ntools: [list_dir]\nlimits: {requests: 1}\n", "--json")

    assert finished.exit_code == 3
    assert finished.errors == [
        "error: stopped after 1 model request (limits.requests)",
        "hint: raise limits.requests in the agent file",
    ]
    assert (finished.document["status"], finished.document["error"]["kind"]) == ("failed", "limit")
    assert finished.document["usage"]["requests"] == 1


def test_timeout_stops_run_and_its_servers(
    program: Program, model_server: ModelServer, stdio_server: str, lifeline: Lifeline
) -> None:
    model_server.will_answer(Reply(pieces=("late",), hold=Hold()))
    agent_file = f"""\
model: openai-chat:scripted
mcpServers: {{helper: {{{stdio_server}, env: {{LIFELINE: "{lifeline.address}"}}}}}}
limits: {{seconds: 600}}
"""

    # Usually long enough for the server to start.
    finished = program.run_agent(agent_file, "--timeout", str(5 * SLOWNESS), "--json")

    lifeline.wait_until_gone_if_connected()
    assert (finished.exit_code, finished.document["error"]["kind"]) == (3, "timeout")
    assert "--timeout" in finished.document["error"]["hint"]
