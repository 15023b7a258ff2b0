"""The tool schemas that models and MCP clients see."""

import json
from collections.abc import Callable
from typing import get_args

import pytest

from agent_runner.agent_file import BuiltInTool
from agent_runner.tool_schemas import Schemas, built_in_tools, served_tools


def test_every_built_in_tool_is_fully_described() -> None:
    tools = built_in_tools()

    assert list(tools) == list(get_args(BuiltInTool.__value__))
    for name, tool in tools.items():
        assert tool["description"], name
        for argument, schema in tool["parameters"]["properties"].items():
            assert schema["description"], f"{name}: {argument}"


def test_every_served_tool_is_described() -> None:
    tools = served_tools()

    assert set(tools) == {"echo", "environment"}
    assert all(tool["description"] for tool in tools.values())
    assert tools["echo"]["inputSchema"]["required"] == ["text"]


@pytest.mark.parametrize("schemas", [built_in_tools, served_tools])
def test_schemas_survive_json(schemas: Callable[[], Schemas]) -> None:
    assert json.loads(json.dumps(schemas())) == schemas()
