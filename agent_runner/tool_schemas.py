"""What models and MCP clients are told about this program's own tools.

Much of it is read from docstrings and annotations, which a program can lose when it is frozen, without an error. The
build compares what these return with what they return from source; `[tool.release-tools]` names them under `parity`.
"""

import asyncio
from typing import Any, get_args

from agent_runner.agent_file import BuiltInTool
from agent_runner.echo_server import build_server
from agent_runner.tools import BuiltInTools

type Schemas = dict[str, dict[str, Any]]  # Any: JSON


def built_in_tools() -> Schemas:
    """Return, for each built-in tool, its description and the JSON Schema of its arguments, as models get them."""
    tools = BuiltInTools().toolset(list(get_args(BuiltInTool.__value__))).tools
    return {
        name: {"description": tool.tool_def.description, "parameters": tool.tool_def.parameters_json_schema}
        for name, tool in tools.items()
    }


def served_tools() -> Schemas:
    """Return the tools of the MCP server that `doctor` starts, as an MCP client gets them."""
    listed = asyncio.run(build_server().list_tools())
    return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed}
