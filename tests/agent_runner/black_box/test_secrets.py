"""Secrets from the environment appear in nothing that the program writes."""

import json
import socket
import sys

import pytest

from .model_server import ModelServer, Reply, ToolCall
from .program import Finished, Program

# With logs, which have URLs and headers.
SECRETS = {
    "URL_SECRET": "url-s3cret/+ä",
    "COMMAND_SECRET": "command-s3cret",
    "ENV_SECRET": "env-s3cret\nsecond-s3cret-line",
    "HEADER_SECRET": "header-s3cret",
    "OPENAI_API_KEY": "sk-key-s3cret",
    "AGENT_RUNNER_LOG": "DEBUG",
}
# Fails with its environment, before it answers.
SHOWS_ENVIRONMENT = "import os, sys; sys.exit(str(os.environ['TOKEN']) + repr(os.environ['TOKEN']))"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def assert_no_secret(program: Program, *finished: Finished) -> None:
    written = "".join(each.stdout + each.stderr for each in finished)
    written += "".join(path.read_text(encoding="utf-8") for path in program.folder.glob("*.jsonl"))
    for part in ("s3cret", "s3cr"):
        assert part not in written, written


def assert_no_secret_in_traces(model_server: ModelServer) -> None:
    traces = [json.dumps(request.body) for request in model_server.requests if request.path == "/v1/traces"]
    assert traces
    assert [trace for trace in traces if "s3cret" in trace] == []


def test_failing_servers_show_no_secret(program: Program) -> None:
    program.environment |= {**SECRETS, "AGENT_RUNNER_LOG": "INFO"}  # DEBUG has tracebacks
    python, port = json.dumps(sys.executable), closed_port()
    servers = {
        "url": f"url: 'http://127.0.0.1:{port}/mcp?token=${{URL_SECRET}}'",
        "userinfo": f"url: 'http://user:${{HEADER_SECRET}}@127.0.0.1:{port}/mcp'",
        "header": f"url: 'http://127.0.0.1:{port}/mcp', headers: {{Authorization: 'Bearer ${{HEADER_SECRET}}'}}",
        "command": "command: '/nonexistent/${COMMAND_SECRET}'",
        "env": f"command: {python}, args: [-c, {json.dumps(SHOWS_ENVIRONMENT)}], env: {{TOKEN: '${{ENV_SECRET}}'}}",
    }
    listed = "\n".join(f"  {name}: {{{server}}}" for name, server in servers.items())
    path = program.write("agent.yaml", f"model: openai-chat:scripted\nmcpServers:\n{listed}\n")

    doctor = program.run("doctor", path)
    run = program.run("run", path, "hi", "--json", "--transcript", "log.jsonl")

    assert (doctor.exit_code, doctor.stdout.count("FAIL"), run.exit_code) == (1, 5, 1)
    assert "${ENV_SECRET}" in doctor.stdout
    assert_no_secret(program, doctor, run)


@pytest.mark.source_only
def test_failing_endpoint_shows_no_secret(program: Program, model_server: ModelServer) -> None:
    program.environment |= {**SECRETS, "OTEL_EXPORTER_OTLP_ENDPOINT": model_server.root_url}
    program.environment["OPENAI_BASE_URL"] = f"http://user:p@s3cret@127.0.0.1:{closed_port()}/v1"
    agent_file = "model: openai-chat:scripted\nretries: {model: 0}\n"

    run = program.run_agent(agent_file, "--json-events", "--transcript", "log.jsonl")
    listed = program.run("runs", "--json")
    shown = program.run("runs", json.loads(listed.stdout)[0]["run_id"], "--json")

    assert (run.exit_code, listed.exit_code, shown.exit_code) == (1, 0, 0)
    assert_no_secret(program, run, listed, shown)
    assert_no_secret_in_traces(model_server)


@pytest.mark.source_only
def test_events_of_tools_and_echoed_keys_show_no_secret(
    program: Program, model_server: ModelServer, stdio_server: str
) -> None:
    program.environment |= {**SECRETS, "OTEL_EXPORTER_OTLP_ENDPOINT": model_server.root_url}
    call = ToolCall(name="helper_echo", arguments={"text": SECRETS["ENV_SECRET"]})
    key = SECRETS["OPENAI_API_KEY"]
    model_server.will_answer(Reply(tool_calls=(call,)), Reply(status=401, error=f"{'x' * 390} Incorrect key: {key}"))
    server = f"{{{stdio_server}, env: {{TOKEN: '${{ENV_SECRET}}'}}}}"

    run = program.run_agent(
        f"model: openai-chat:scripted\nmcpServers: {{helper: {server}}}\n", "--json-events", "--transcript", "log.jsonl"
    )
    listed = program.run("runs", "--json")

    assert (run.exit_code, listed.exit_code) == (1, 0)
    assert_no_secret(program, run, listed)
    assert_no_secret_in_traces(model_server)
