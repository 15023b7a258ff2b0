"""What models and MCP clients are told about the tools."""

import json
from typing import get_args

from agent_runner.agent_file import BuiltInTool
from agent_runner.tool_schemas import built_in_tools, served_tools


def test_models_are_told_what_every_built_in_tool_and_each_of_its_arguments_is_for() -> None:
    tools = built_in_tools()

    assert list(tools) == list(get_args(BuiltInTool.__value__))
    assert tools["shell"]["description"].startswith("Run a shell command and return its exit status")
    for name, tool in tools.items():
        for argument, schema in tool["parameters"]["properties"].items():
            assert schema["description"], f"{name}: {argument}"


def test_mcp_clients_are_told_the_tools_of_the_server_that_doctor_starts() -> None:
    tools = served_tools()

    assert {name: tool["description"] for name, tool in tools.items()} == {
        "echo": "Return the text.",
        "environment": "Return the environment variables of this process.",
    }
    assert tools["echo"]["inputSchema"]["required"] == ["text"]


def test_both_are_plain_data_which_a_build_can_compare() -> None:
    for tools in (built_in_tools(), served_tools()):
        assert json.loads(json.dumps(tools)) == tools
