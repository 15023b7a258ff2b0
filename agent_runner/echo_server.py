"""A small MCP server, which `doctor` starts as a second copy of this very program.

So `doctor` proves both halves of MCP over stdio, and that the program can start itself.
"""

import os
from typing import TYPE_CHECKING

from agent_runner.errors import EXIT_SUCCESS
from agent_runner.garbage_collection import resume_collection

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer


def serve_echo() -> int:
    """Serve two tools over standard input and output until the input ends."""
    server = build_server()
    resume_collection()
    server.run("stdio")
    return EXIT_SUCCESS


def build_server() -> "MCPServer":
    """Return the server with its two tools."""
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("agent-runner-echo", log_level="CRITICAL")

    @server.tool()
    def echo(text: str) -> str:
        """Return the text."""
        return text

    @server.tool()
    def environment() -> dict[str, str]:
        """Return the environment variables of this process."""
        return dict(os.environ)

    return server
