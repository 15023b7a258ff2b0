"""A small MCP server, which `doctor` starts as a second process of this program.

It tests both sides of MCP over stdio, and that the program can start itself.
"""

import os
from typing import TYPE_CHECKING

from agent_runner.garbage_collection import resume_collection
from agent_runner.left_out import install_stand_in

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer


def serve_echo() -> None:
    """Serve over standard input and output until the input ends."""
    server = build_server()
    resume_collection()
    server.run("stdio")


def build_server() -> "MCPServer":
    """Return the server with its two tools."""
    install_stand_in()
    from mcp.server.mcpserver import MCPServer, RequestStateSecurity

    # By default it would encrypt, with cryptography.
    security = RequestStateSecurity(codec=_NoState())
    server = MCPServer("agent-runner-echo", log_level="CRITICAL", request_state_security=security)

    @server.tool()
    def echo(text: str) -> str:
        """Return the text."""
        return text

    @server.tool()
    def environment() -> dict[str, str]:
        """Return this process's environment variables."""
        return dict(os.environ)

    return server


class _NoState:
    """How the server seals what it would ask a client to keep: its tools ask for nothing."""

    def seal(self, payload: bytes) -> str:
        raise NotImplementedError(f"the echo server keeps no state, and this has {len(payload)} bytes")

    def unseal(self, _token: str) -> bytes:
        from mcp.server.mcpserver import InvalidRequestState

        raise InvalidRequestState("this server never made one")
