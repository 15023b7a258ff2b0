"""Expanding variables, and finding missing ones."""

import pytest

from agent_runner.agent_file import AgentSettings, McpServerSettings
from agent_runner.environment import (
    MissingVariable,
    expand_server,
    expand_variables,
    missing_file_variables,
    require_variables,
)
from agent_runner.errors import EnvironmentVariableError


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${A}", "one"),
        ("x-${A}-${A}", "x-one-one"),
        ("${ABSENT:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${A:-two}", "one"),
        ("${ABSENT:-}", ""),
        ("${EMPTY}", ""),
        ("$A $${A} ${ABSENT:-$}", "$A ${A} $"),
    ],
)
def test_variables_expand_as_in_shell(text: str, expanded: str) -> None:
    assert expand_variables(text, {"A": "one", "EMPTY": ""}) == expanded


def test_every_value_of_server_is_expanded() -> None:
    local = McpServerSettings(command="${A}", args=["${A}"], env={"X": "${A}"}, cwd="${A}")
    remote = McpServerSettings(url="${A}", headers={"X": "${A}"})

    assert expand_server(local, {"A": "1"}) == McpServerSettings(command="1", args=["1"], env={"X": "1"}, cwd="1")
    assert expand_server(remote, {"A": "1"}) == McpServerSettings(url="1", headers={"X": "1"})


def test_unset_variable_without_default_is_missing() -> None:
    server = McpServerSettings(command="${A}", args=["${B:-x}", "${C}"], env={"X": "${EMPTY}"})
    settings = AgentSettings.model_validate({"mcpServers": {"s": server.model_dump(exclude_unset=True)}})

    assert missing_file_variables(settings, {"EMPTY": "", "C": "c"}) == [
        MissingVariable(name="A", used_by="mcpServers.s.command")
    ]


def test_missing_variables_are_listed_once() -> None:
    missing = [
        MissingVariable(name="A", used_by="here"),
        MissingVariable(name="B", used_by="there"),
        MissingVariable(name="A", used_by="there"),
        MissingVariable(name="A", used_by="here"),
    ]

    with pytest.raises(EnvironmentVariableError) as caught:
        require_variables(missing)

    assert caught.value.message.endswith(": A (here, there), B (there)")
