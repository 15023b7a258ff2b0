"""Reading and validating agent files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runner.agent_file import DEFAULT_REQUEST_LIMIT, AgentFile, load_agent_file
from agent_runner.errors import AgentFileError

type Loader = Callable[[str | bytes], AgentFile]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Loads an agent file with the given content."""
    monkeypatch.chdir(tmp_path)

    def load(content: str | bytes) -> AgentFile:
        path = Path("agent.yaml")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_agent_file(path)

    return load


def test_full_agent_file_is_read(load: Loader) -> None:
    agent_file = load("""\
name: triage
description: Sorts reports.
model: ollama:qwen3
instructions: Be {{brief}}.
model_settings: {temperature: 0.2}
output_schema: {type: object}
retries: 5
tool_timeout: 30
capabilities: [Thinking]
tools: [shell, read_file]
mcpServers:
  local: {command: npx, args: [-y, server], env: {TOKEN: "${TOKEN}"}, cwd: /tmp, tools: [list]}
  remote: {type: http, url: "https://example.org/mcp", headers: {A: b}}
limits: {requests: 3, tool_calls: 4, tokens: 5, cost_usd: 2, seconds: 1.5}
""")

    settings = agent_file.settings
    assert agent_file.agent_name == "triage"
    assert settings.instructions == "Be {{brief}}."
    assert (settings.retries.tools, settings.retries.output) == (5, 5)
    assert settings.mcp_servers["local"].args == ["-y", "server"]
    assert settings.mcp_servers["remote"].headers == {"A": "b"}
    assert (settings.limits.cost_usd, settings.limits.seconds) == (2, 1.5)


def test_missing_keys_have_defaults(load: Loader) -> None:
    agent_file = load("\ufeffmodel: test\n")

    assert agent_file.agent_name == "agent"
    assert agent_file.settings.limits.requests == DEFAULT_REQUEST_LIMIT
    assert agent_file.settings.tools == []


@pytest.mark.parametrize(
    ("content", "place", "suggestion"),
    [
        ("limits: {request: 3}", "'request' in limits", "'requests'"),
        ("retries: {outputs: 3}", "'outputs' in retries", "'output'"),
        ("mcpServers: {a: {comand: x}}", "'comand' in mcpServers.a", "'command'"),
        ("mcp_servers: {}", "'mcp_servers'", "'mcpServers'"),
        ("tools: [shel]", "tools.0: 'shel'", "'shell'"),
    ],
)
def test_typo_gets_suggestion(load: Loader, content: str, place: str, suggestion: str) -> None:
    with pytest.raises(AgentFileError) as caught:
        load(content)

    assert place in caught.value.message
    assert f"did you mean {suggestion}?" in caught.value.message


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("3: 4", "'3'"),
        ("name: 3", "name"),
        ("name: ''", "name"),
        ("instructions: [a]", "instructions"),
        ("tools: shell", "tools"),
        ("limits:", "limits"),
        ("limits: {seconds: soon}", "limits.seconds"),
        ("limits: {seconds: .inf}", "limits.seconds"),
        ("limits: {requests: 1.5}", "limits.requests"),
        ("limits: {requests: '3'}", "limits.requests"),
        ("limits: {cost_usd: 0}", "limits.cost_usd"),
        ("retries: true", "retries"),
        ("mcpServers: {a: {}}", "mcpServers.a"),
        ("mcpServers: {a: {command: x, url: y}}", "mcpServers.a"),
        ("mcpServers: {a: {url: x, cwd: y}}", "mcpServers.a: 'cwd'"),
        ("mcpServers: {a: {url: x, type: stdio}}", "mcpServers.a: type 'stdio'"),
        ("mcpServers: {a: {command: x, type: http}}", "mcpServers.a: type 'http'"),
        ("mcpServers: {a: {command: x, env: {PORT: 80}}}", "mcpServers.a.env.PORT"),
        ("mcpServers: {a b: {command: x}}", "'a b'"),
    ],
)
def test_invalid_value_is_located(load: Loader, content: str, place: str) -> None:
    with pytest.raises(AgentFileError) as caught:
        load(content)

    assert caught.value.message.startswith("agent.yaml: ")
    assert place in caught.value.message


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("- model", "agent.yaml: "),
        ("", "agent.yaml: "),
        ("model", "agent.yaml: "),
        ("model: \x00", "agent.yaml: "),
        ("model: a\nmodel: b", "agent.yaml, line 2, column 1: "),
        ("limits:\n  requests: 1\n  requests: 2", "agent.yaml, line 3, column 3: "),
        ("? [a]\n: b", "agent.yaml, line 1, column 3: "),
        ("model: !!python/object:os.system {}", "agent.yaml, line 1, column 8: "),
        ("name: 2001-99-99", "agent.yaml, line 1, column 7: "),
        ("limits: {cost_usd: !!float dear}", "agent.yaml, line 1, column 20: "),
        (f"limits: {{tokens: {'1' * 5000}}}", "agent.yaml, line 1, column 18: "),
        (b"model: test\nname: \xe4", "agent.yaml, line 2: "),
    ],
)
def test_invalid_yaml_is_located(load: Loader, content: str | bytes, place: str) -> None:
    with pytest.raises(AgentFileError) as caught:
        load(content)

    assert caught.value.message.startswith(place)


def test_unknown_key_without_suggestion_lists_known_keys(load: Loader) -> None:
    with pytest.raises(AgentFileError) as caught:
        load("mcpServers: {a: {command: x, zzz: 1}}")

    assert caught.value.hint == "known keys: type, command, args, env, cwd, url, headers, tools"


def test_merge_key_may_repeat_key(load: Loader) -> None:
    content = "limits: &base {requests: 1}\nmodel_settings: {<<: *base, requests: 2}"

    assert load(content).settings.model_settings == {"requests": 2}
