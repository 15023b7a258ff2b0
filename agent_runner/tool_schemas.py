"""The tool schemas that models and MCP clients see.

They're generated from docstrings and annotations, which freezing a program can strip without an error. The build
compares the schemas of the binary with those from source: see `parity` in `[tool.release-tools]`.
"""

import asyncio
from typing import Any, get_args

from agent_runner.agent_file import BuiltInTool
from agent_runner.echo_server import build_server
from agent_runner.tools import BuiltInTools

type Schemas = dict[str, dict[str, Any]]  # Any: JSON


def built_in_tools() -> Schemas:
    """Return the description and parameters of each built-in tool, as models see them."""
    tools = BuiltInTools().toolset(list(get_args(BuiltInTool.__value__))).tools
    return {
        name: {"description": tool.tool_def.description, "parameters": tool.tool_def.parameters_json_schema}
        for name, tool in tools.items()
    }


def served_tools() -> Schemas:
    """Return the tools of `doctor`'s own MCP server, as MCP clients see them."""
    listed = asyncio.run(build_server().list_tools())
    return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed}
