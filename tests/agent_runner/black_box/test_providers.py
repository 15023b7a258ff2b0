"""Each provider's API and environment variables."""

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
def test_provider_streams_answer(
    program: Program, model_server: ModelServer, model: str, variables: dict[str, str], path: str
) -> None:
    model_server.will_answer(Reply(pieces=("one ", "two")))
    environment = {
        name: value.format(url=model_server.url, root=model_server.root_url) for name, value in variables.items()
    }

    finished = program.run_agent(f"model: {model}\n", environment=environment)

    assert (finished.exit_code, finished.stdout) == (0, "one two\n"), finished.stderr
    assert [request.path.partition("?")[0] for request in model_server.requests] == [path]


def test_http_server_gets_expanded_headers(program: Program, model_server: ModelServer) -> None:
    agent_file = f"""\
model: test
mcpServers:
  loud:
    type: http
    tools: [shout]
    url: {model_server.mcp_url}
    headers: {{Authorization: "Bearer ${{LOUD_TOKEN}}"}}
"""

    finished = program.run_agent(agent_file, environment={"LOUD_TOKEN": "secret"})

    assert (finished.exit_code, finished.stdout) == (0, '{"loud_shout":"A"}\n'), finished.stderr
    assert {request.headers["authorization"] for request in model_server.requests} == {"Bearer secret"}
