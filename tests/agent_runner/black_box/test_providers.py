"""Every provider's prefix reaches its endpoint in its own format, with its own variables."""

import pytest

from .model_server import ModelServer, Reply
from .program import Program


@pytest.mark.parametrize(
    ("model", "variables", "path"),
    [
        ("openai:scripted", {"OPENAI_BASE_URL": "{url}"}, "/v1/responses"),
        ("ollama:scripted", {"OLLAMA_BASE_URL": "{url}"}, "/v1/chat/completions"),
        ("anthropic:scripted", {"ANTHROPIC_BASE_URL": "{root}", "ANTHROPIC_API_KEY": "secret"}, "/v1/messages"),
    ],
)
def test_each_provider_streams_an_answer(
    program: Program, model_server: ModelServer, model: str, variables: dict[str, str], path: str
) -> None:
    model_server.will_answer(Reply(pieces=("one ", "two")))
    agent_file = program.write("agent.yaml", f"model: {model}\n")
    addresses = {
        name: value.format(url=model_server.url, root=model_server.root_url) for name, value in variables.items()
    }

    finished = program.run("run", agent_file, "Count.", environment=addresses)

    assert (finished.exit_code, finished.stdout) == (0, "one two\n"), finished.stderr
    assert [request.path.partition("?")[0] for request in model_server.requests] == [path]


def test_the_test_model_calls_every_tool_and_http_servers_get_their_headers(
    program: Program, model_server: ModelServer
) -> None:
    agent_file = program.write(
        "agent.yaml",
        f"""\
model: test
mcpServers:
  loud:
    type: http
    tools: [shout]
    url: {model_server.mcp_url}
    headers: {{Authorization: "Bearer ${{LOUD_TOKEN}}"}}
""",
    )

    finished = program.run("run", agent_file, "Go.", environment={"LOUD_TOKEN": "secret"})

    assert (finished.exit_code, finished.stdout) == (0, '{"loud_shout":"A"}\n'), finished.stderr
    assert {request.headers["authorization"] for request in model_server.requests} == {"Bearer secret"}
