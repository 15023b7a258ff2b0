"""Limits and timeouts: exit code 3."""

import socket

import pytest

from .model_server import Hold, ModelServer, Reply, ToolCall
from .program import SLOWNESS, TIMEOUT_SECONDS, Lifeline, Program


@pytest.mark.source_only
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


@pytest.mark.source_only
def test_failing_calls_count_as_tool_calls(program: Program, model_server: ModelServer) -> None:
    failing = Reply(tool_calls=(ToolCall(name="read_file", arguments={"path": "absent"}),))
    invalid = Reply(tool_calls=(ToolCall(name="read_file", arguments={"paht": "absent"}),))
    model_server.will_answer(failing, invalid, failing)

    finished = program.run_agent("model: openai-chat:scripted\ntools: [read_file]\nlimits: {tool_calls: 2}\n", "--json")

    assert (finished.exit_code, finished.document["error"]["kind"]) == (3, "limit")
    assert finished.errors[0] == "error: stopped after 2 tool calls (limits.tool_calls)"
    assert len(model_server.requests) == 3


@pytest.mark.source_only
def test_cost_limit_needs_price(program: Program, model_server: ModelServer) -> None:
    finished = program.run_agent("model: openai-chat:scripted\nlimits: {cost_usd: 1}\n", "--json")

    assert (finished.exit_code, finished.document["error"]["kind"], model_server.requests) == (2, "agent_file", [])
    assert "limits.price" in finished.document["error"]["hint"]


def test_given_price_stops_run(program: Program, model_server: ModelServer) -> None:
    again = Reply(tool_calls=(ToolCall(name="list_dir"),))
    model_server.will_answer(again, again, again)
    limits = "limits: {cost_usd: 0.05, price: {input: 2000, output: 2000}}\n"

    finished = program.run_agent(f"model: openai-chat:scripted\ntools: [list_dir]\n{limits}", "--json")

    # Each request costs 0.03 US dollars.
    assert (finished.exit_code, finished.document["error"]["kind"], len(model_server.requests)) == (3, "limit", 2)
    assert finished.document["usage"]["cost_usd"] == pytest.approx(0.06)


@pytest.mark.source_only
def test_token_limit_needs_reported_usage(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(pieces=("free!",), reports_usage=False))

    finished = program.run_agent("model: openai-chat:scripted\nlimits: {tokens: 10}\n", "--json")

    assert (finished.exit_code, finished.document["error"]["kind"]) == (1, "model")


@pytest.mark.source_only
def test_tool_timeout_goes_to_model(program: Program, model_server: ModelServer, stdio_server: str) -> None:
    slow_command = ToolCall(name="shell", arguments={"command": "ping -n 600 127.0.0.1 || sleep 600"})
    model_server.will_answer(Reply(tool_calls=(ToolCall(name="helper_hang"), slow_command)), Reply(pieces=("done",)))
    agent_file = f"""\
model: openai-chat:scripted
tools: [shell]
tool_timeout: 0.5
mcpServers: {{helper: {{{stdio_server}}}}}
"""

    finished = program.run_agent(agent_file)

    assert (finished.exit_code, finished.stdout) == (0, "done\n")
    hung, killed = model_server.requests[1].texts("tool")
    assert "0.5 seconds" in hung
    assert killed.startswith("killed after 0.5 seconds")


@pytest.mark.source_only
def test_servers_start_at_the_same_time(program: Program, stdio_server: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as barrier:
        barrier.settimeout(TIMEOUT_SECONDS)
        address = f"127.0.0.1:{barrier.getsockname()[1]}"
        servers = "\n".join(
            f'  s{number}: {{{stdio_server}, env: {{BARRIER: "{address}"}}, tools: [echo]}}' for number in range(3)
        )
        with program.start_agent(f"model: test\nmcpServers:\n{servers}\n") as running:
            connections = [barrier.accept()[0] for _ in range(3)]
            for connection in connections:
                connection.sendall(b"!")
                connection.close()
            finished = running.finish()

    assert finished.exit_code == 0
