"""Reading agent files: what is refused, and in which words."""

from pathlib import Path

import pytest

from agent_runner.agent_file import DEFAULT_REQUEST_LIMIT, AgentFile, load_agent_file
from agent_runner.errors import AgentFileError


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Loader":
    monkeypatch.chdir(tmp_path)
    return Loader()


class Loader:
    """Loads an agent file with this content."""

    def __call__(self, content: str | bytes) -> AgentFile:
        path = Path("agent.yaml")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_agent_file(path)

    def error(self, content: str | bytes) -> AgentFileError:
        with pytest.raises(AgentFileError) as caught:
            self(content)
        return caught.value


def test_a_full_agent_file_is_read(load: Loader) -> None:
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


def test_an_almost_empty_agent_file_has_defaults(load: Loader) -> None:
    agent_file = load("\ufeffmodel: test\n")

    assert agent_file.agent_name == "agent"
    assert agent_file.settings.limits.requests == DEFAULT_REQUEST_LIMIT
    assert agent_file.settings.tools == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("limits: {request: 3}", "unknown key 'request' in limits (did you mean 'requests'?)"),
        ("retries: {outputs: 3}", "unknown key 'outputs' in retries (did you mean 'output'?)"),
        ("mcp_servers: {}", "unknown key 'mcp_servers' (did you mean 'mcpServers'?)"),
        ("3: 4", "unknown key '3'"),
        ("name: 3", "name: must be text (put it in quotes)"),
        ("name: ''", "name: must not be empty"),
        ("instructions: [a]", "instructions: must be text"),
        ("tools: shell", "tools: should be a valid list"),
        (
            "tools: [shel]",
            "tools.0: 'shel' is not one of shell, read_file, write_file or list_dir (did you mean 'shell'?)",
        ),
        ("limits:", "limits: should be a mapping"),
        ("limits: {seconds: soon}", "limits.seconds: should be a valid number"),
        ("limits: {seconds: .inf}", "limits.seconds: should be a finite number"),
        ("limits: {requests: 1.5}", "limits.requests: should be a whole number"),
        ("limits: {requests: '3'}", "limits.requests: should be a whole number"),
        ("limits: {cost_usd: 0}", "limits.cost_usd: should be greater than 0"),
        ("retries: true", "retries: should be a mapping"),
        ("mcpServers: {a: {}}", "mcpServers.a: needs either 'command' or 'url'"),
        ("mcpServers: {a: {command: x, url: y}}", "mcpServers.a: needs either 'command' or 'url'"),
        ("mcpServers: {a: {url: x, cwd: y}}", "mcpServers.a: 'cwd' cannot be used together with 'url'"),
        ("mcpServers: {a: {url: x, type: stdio}}", "mcpServers.a: type 'stdio' needs 'command'"),
        ("mcpServers: {a: {command: x, type: http}}", "mcpServers.a: type 'http' needs 'url'"),
        ("mcpServers: {a: {command: x, env: {PORT: 80}}}", "mcpServers.a.env.PORT: must be text (put it in quotes)"),
        (
            "mcpServers: {a b: {command: x}}",
            "mcpServers: server name 'a b' may hold only letters, digits, '_' and '-', 32 at most",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(load: Loader, content: str, message: str) -> None:
    assert load.error(content).message == f"agent.yaml: {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- model", "agent.yaml: expected keys and values, found a list"),
        ("", "agent.yaml: expected keys and values, found nothing"),
        ("model", "agent.yaml: expected keys and values, found a text"),
        ("model: a\nmodel: b", "agent.yaml, line 2, column 1: not valid YAML: key 'model' stands twice"),
        (
            "limits:\n  requests: 1\n  requests: 2",
            "agent.yaml, line 3, column 3: not valid YAML: key 'requests' stands",
        ),
        ("? [a]\n: b", "agent.yaml, line 1, column 3: not valid YAML: found unhashable key"),
        ("model: !!python/object:os.system {}", "agent.yaml, line 1, column 8: not valid YAML: could not determine"),
        ("name: 2001-99-99", "agent.yaml, line 1, column 7: not valid YAML: month must be in 1..12"),
        ("limits: {cost_usd: !!float dear}", "agent.yaml, line 1, column 20: not valid YAML: could not convert"),
        (f"limits: {{tokens: {'1' * 5000}}}", "agent.yaml, line 1, column 18: not valid YAML: Exceeds the limit"),
        ("model: \x00", "agent.yaml: not valid YAML: unacceptable character #x0000"),
        (b"model: test\nname: \xe4", "agent.yaml, line 2: not UTF-8"),
    ],
)
def test_a_file_that_is_no_agent_file_is_refused_with_the_line(
    load: Loader, content: str | bytes, message: str
) -> None:
    assert load.error(content).message.startswith(message)


def test_an_unknown_key_that_resembles_nothing_gets_the_known_ones(load: Loader) -> None:
    hint = load.error("mcpServers: {a: {command: x, zzz: 1}}").hint

    assert hint == "known keys: type, command, args, env, cwd, url, headers, tools"


def test_a_merge_key_may_repeat_a_key(load: Loader) -> None:
    content = "limits: &base {requests: 1}\nmodel_settings: {<<: *base, requests: 2}"

    assert load(content).settings.model_settings == {"requests": 2}
