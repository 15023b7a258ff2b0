"""An MCP server over standard input and output; run as a program.

With LIFELINE=host:port in its environment it holds a connection open there for as long as it lives.
"""

import os
import socket
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer

server = MCPServer("for-tests", log_level="CRITICAL")


@server.tool()
def echo(text: str) -> str:
    """Return the text."""
    return f"echo of {text}"


@server.tool()
def environment() -> str:
    """Return the names of the environment variables."""
    return " ".join(sorted(os.environ))


@server.tool()
def working_folder() -> str:
    """Return the working folder."""
    return str(Path.cwd())


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("this tool never works")


@server.tool()
def crash() -> str:
    """End the server in the middle of a call."""
    print("out of cheese", file=sys.stderr, flush=True)
    os._exit(7)


if __name__ == "__main__":
    lifeline = os.environ.get("LIFELINE")
    if lifeline:
        host, port = lifeline.split(":")
        # Kept in a name for as long as the process lives.
        connection = socket.create_connection((host, int(port)))
    print("server is starting", file=sys.stderr, flush=True)
    server.run()
