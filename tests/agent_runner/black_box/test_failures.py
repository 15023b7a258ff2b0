"""Runs that fail: one error with its hint, exit code 1, no traceback."""

import json
import os
import socket
import subprocess
import sys

import pytest

from .model_server import ModelServer, Reply, ToolCall
from .program import Program

CHAT = "model: openai-chat:scripted\n"


def test_an_endpoint_that_refuses_the_connection_is_named_with_what_to_do(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        url = f"http://127.0.0.1:{closed_soon.getsockname()[1]}/v1"
    agent_file = program.write("agent.yaml", "model: ollama:qwen3\n")

    finished = program.run("run", agent_file, "hi", "--json", environment={"OLLAMA_BASE_URL": url})

    message, hint = f"the model endpoint {url} refused the connection", "is Ollama running? start it with: ollama serve"
    assert finished.exit_code == 1
    assert finished.errors == [f"error: {message}", f"hint: {hint}"]
    result = json.loads(finished.stdout)
    assert result["status"] == "failed"
    assert result["error"] == {"kind": "model", "message": message, "hint": hint, "retryable": True}
    assert result["usage"]["requests"] == 0


@pytest.mark.parametrize(
    ("status", "error", "hint"),
    [
        (401, "{where} refused the key with HTTP status 401: scripted reason", "check OPENAI_API_KEY"),
        pytest.param(
            *(503, "{where} failed with HTTP status 503: scripted reason", "try again later"),
            marks=pytest.mark.wording,
        ),
    ],
)
def test_an_error_of_the_endpoint_is_passed_on_with_what_it_means(
    program: Program, model_server: ModelServer, status: int, error: str, hint: str | None
) -> None:
    model_server.will_answer(Reply(status=status, error="scripted reason"))

    finished = program.run(
        "run", program.write("agent.yaml", CHAT), "hi", environment={"OPENAI_BASE_URL": model_server.url}
    )

    assert (finished.exit_code, finished.stdout) == (1, "")
    expected = error.format(where=f"the model endpoint {model_server.url}")
    assert finished.errors[0] == f"error: {expected}"
    assert finished.errors[1:] == [] if hint is None else finished.errors[1].startswith(f"hint: {hint}")


@pytest.mark.wording
def test_a_server_that_knows_no_responses_api_is_recognised(program: Program, model_server: ModelServer) -> None:
    agent_file = program.write("agent.yaml", "model: openai:scripted\n")
    model_server.will_answer(Reply(status=404, error="no such path"))

    finished = program.run("run", agent_file, "hi", environment={"OPENAI_BASE_URL": model_server.url})

    assert finished.exit_code == 1
    assert finished.errors[-1] == "hint: for OpenAI-compatible servers use openai-chat: instead of openai:"


def test_an_answer_that_breaks_off_is_a_failure_that_keeps_what_had_come(
    program: Program, model_server: ModelServer
) -> None:
    model_server.will_answer(Reply(pieces=("half an ", "answer"), breaks_off_after_first_piece=True))

    finished = program.run(
        "run", program.write("agent.yaml", CHAT), "hi", environment={"OPENAI_BASE_URL": model_server.url}
    )

    assert finished.exit_code == 1
    assert finished.stdout == "half an \n"
    assert len(finished.errors) >= 1


def test_an_mcp_server_that_ends_at_its_start_ends_the_run_before_the_model_is_asked(
    program: Program, model_server: ModelServer
) -> None:
    command = f"command: {json.dumps(sys.executable)}, args: [-c, \"import sys; sys.exit('no licence found')\"]"
    agent_file = program.write("agent.yaml", f"{CHAT}mcpServers:\n  broken: {{{command}}}\n")

    finished = program.run("run", agent_file, "hi", environment={"OPENAI_BASE_URL": model_server.url})

    assert (finished.exit_code, finished.stdout, model_server.requests) == (1, "", [])
    assert finished.errors == [
        "error: MCP server 'broken' exited with status 1",
        "  no licence found",
        "hint: check mcpServers.broken, and try the server by itself",
    ]


def test_an_mcp_server_that_dies_in_a_call_ends_the_run_with_its_last_words(
    program: Program, model_server: ModelServer, stdio_server: str
) -> None:
    model_server.will_answer(
        Reply(tool_calls=(ToolCall(name="helper_fail"),)), Reply(tool_calls=(ToolCall(name="helper_crash"),))
    )
    agent_file = program.write("agent.yaml", f"{CHAT}mcpServers:\n  helper: {{{stdio_server}}}\n")

    finished = program.run("run", agent_file, "hi", environment={"OPENAI_BASE_URL": model_server.url})

    assert (finished.exit_code, finished.stdout) == (1, "")
    assert finished.errors == [
        "error: MCP server 'helper' exited with status 7",
        "  server is starting",
        "  out of cheese",
        "hint: check mcpServers.helper, and try the server by itself",
    ]
    # The tool that only failed was told to the model, which went on.
    assert model_server.requests[1].texts("tool") == ['{"error":"this tool never works"}']


def test_an_mcp_server_that_hangs_up_in_a_call_ends_the_run(program: Program, model_server: ModelServer) -> None:
    agent_file = program.write(
        "agent.yaml", f"model: test\nmcpServers:\n  remote: {{url: '{model_server.mcp_url}', tools: [hang_up]}}\n"
    )

    finished = program.run("run", agent_file, "hi")

    assert finished.exit_code == 1
    assert finished.errors[0].startswith(f"error: cannot reach MCP server 'remote' at {model_server.mcp_url}: ")
    assert finished.errors[1] == "hint: check mcpServers.remote.url, and that the server is running"


def test_a_reader_that_goes_away_ends_the_run_quietly(program: Program) -> None:
    agent_file = program.write("agent.yaml", "model: test\n")
    reading_end, writing_end = os.pipe()
    os.close(reading_end)

    with os.fdopen(writing_end, "wb") as broken, program.start("run", agent_file, "hi", "-q", stdout=broken) as running:
        finished = running.finish()

    assert (finished.exit_code, finished.stderr) == (1, "")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes it")
def test_a_closed_standard_output_is_an_error(program: Program) -> None:
    agent_file = program.write("agent.yaml", "model: test\n")
    command = ["/bin/sh", "-c", 'exec "$0" "$@" >&-', *program.command()]

    with program.start("run", agent_file, "hi", "-q", stdout=subprocess.DEVNULL, command=command) as running:
        finished = running.finish()

    assert finished.exit_code == 1
    assert finished.errors[0].startswith(("error: standard output is closed", "error: cannot write to standard output"))
