"""Failed runs: exit code 1 and one error, without a traceback."""

import json
import os
import socket
import subprocess
import sys

import pytest

from .model_server import ModelServer, Reply, ToolCall
from .program import Program, program_command

CHAT = "model: openai-chat:scripted\n"


def test_refused_connection_is_retryable_model_error(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        url = f"http://127.0.0.1:{closed_soon.getsockname()[1]}/v1"

    finished = program.run_agent("model: ollama:qwen3\n", "--json", environment={"OLLAMA_BASE_URL": url})

    message, hint = f"the model endpoint {url} refused the connection", "start Ollama: ollama serve"
    assert finished.exit_code == 1
    assert finished.errors == [f"error: {message}", f"hint: {hint}"]
    assert finished.document["status"] == "failed"
    assert finished.document["error"] == {"kind": "model", "message": message, "hint": hint, "retryable": True}
    assert finished.document["usage"]["requests"] == 0


def test_unreachable_proxy_is_named(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        proxy = f"http://user:secret@127.0.0.1:{closed_soon.getsockname()[1]}"
    environment = {"OPENAI_BASE_URL": "http://models.example/v1", "HTTP_PROXY": proxy}

    finished = program.run_agent(f"{CHAT}retries: {{model: 0}}\n", "--json", environment=environment)

    message = finished.document["error"]["message"]
    assert (finished.exit_code, "proxy" in message, "secret" in finished.stdout + finished.stderr) == (1, True, False)


@pytest.mark.source_only
def test_error_response_is_passed_on(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(status=401, error="scripted reason"))

    finished = program.run_agent(CHAT, "--json")

    error = finished.document["error"]
    assert (finished.exit_code, error["kind"], error["retryable"]) == (1, "model", False)
    assert "401: scripted reason" in error["message"]
    assert "OPENAI_API_KEY" in error["hint"]


def test_interrupted_response_keeps_partial_answer(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(pieces=("half an ", "answer"), closes_after_first_piece=True))

    finished = program.run_agent(CHAT)

    assert (finished.exit_code, finished.stdout) == (1, "half an \n")
    assert finished.errors[0].startswith("error: ")


@pytest.mark.parametrize("model", ["openai-chat", "openai", "anthropic"])
def test_response_that_ends_early_fails_run(program: Program, model_server: ModelServer, model: str) -> None:
    model_server.will_answer(Reply(pieces=("half an ", "answer"), ends_after_first_piece=True))
    environment = {"ANTHROPIC_BASE_URL": model_server.root_url, "ANTHROPIC_API_KEY": "none"}

    finished = program.run_agent(f"model: {model}:scripted\n", "--json", environment=environment)

    assert (finished.exit_code, finished.document["error"]["kind"]) == (1, "model")
    assert finished.document["error"]["retryable"]


@pytest.mark.source_only
def test_own_error_of_server_goes_to_model(program: Program, model_server: ModelServer, stdio_server: str) -> None:
    model_server.will_answer(Reply(tool_calls=(ToolCall(name="helper_own_error"),)), Reply(pieces=("a pity",)))

    finished = program.run_agent(f"{CHAT}mcpServers: {{helper: {{{stdio_server}}}}}\n")

    assert (finished.exit_code, finished.stdout) == (0, "a pity\n"), finished.stderr
    assert "out of quota" in model_server.requests[1].texts("tool")[0]


@pytest.mark.source_only
def test_server_that_exits_at_start_fails_run(program: Program, model_server: ModelServer) -> None:
    command = f"command: {json.dumps(sys.executable)}, args: [-c, \"import sys; sys.exit('no license found')\"]"

    finished = program.run_agent(f"{CHAT}mcpServers:\n  broken: {{{command}}}\n")

    assert (finished.exit_code, finished.stdout, model_server.requests) == (1, "", [])
    assert finished.errors == [
        "error: MCP server 'broken' exited with status 1",
        "  no license found",
        "hint: check mcpServers.broken, or run its command by hand",
    ]


def test_server_that_crashes_in_call_fails_run(program: Program, model_server: ModelServer, stdio_server: str) -> None:
    model_server.will_answer(
        Reply(tool_calls=(ToolCall(name="helper_fail"),)), Reply(tool_calls=(ToolCall(name="helper_crash"),))
    )

    finished = program.run_agent(f"{CHAT}mcpServers:\n  helper: {{{stdio_server}}}\n", "--json")

    error = finished.document["error"]
    assert (finished.exit_code, error["kind"]) == (1, "mcp_server")
    assert error["message"].endswith("exited with status 7\n  server is starting\n  out of cheese")
    # A tool that only fails doesn't end the run.
    assert model_server.requests[1].texts("tool") == ['{"error":"this tool always fails"}']


@pytest.mark.source_only
def test_server_that_hangs_up_in_call_fails_run(program: Program, model_server: ModelServer) -> None:
    finished = program.run_agent(
        f"model: test\nmcpServers:\n  remote: {{url: '{model_server.mcp_url}', tools: [hang_up]}}\n", "--json"
    )

    error = finished.document["error"]
    assert (finished.exit_code, error["kind"]) == (1, "mcp_server")
    assert model_server.mcp_url in error["message"]
    assert "mcpServers.remote.url" in error["hint"]


def test_closed_pipe_ends_run_quietly(program: Program) -> None:
    agent_file = program.write("agent.yaml", "model: test\n")
    reading_end, writing_end = os.pipe()
    os.close(reading_end)

    with os.fdopen(writing_end, "wb") as broken, program.start("run", agent_file, "hi", "-q", stdout=broken) as running:
        finished = running.finish()

    assert (finished.exit_code, finished.stderr) == (1, "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell to close standard output")
def test_closed_standard_output_fails_run(program: Program) -> None:
    agent_file = program.write("agent.yaml", "model: test\n")
    command = ["/bin/sh", "-c", 'exec "$0" "$@" >&-', *program_command()]

    with program.start("run", agent_file, "hi", "-q", stdout=subprocess.DEVNULL, command=command) as running:
        finished = running.finish()

    assert finished.exit_code == 1
    assert "standard output" in finished.errors[0]
