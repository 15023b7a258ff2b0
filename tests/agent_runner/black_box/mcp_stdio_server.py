"""An MCP server over stdio, run as a program.

With LIFELINE=host:port set, it keeps a connection to that address open. With BARRIER=host:port set, it starts once that
address sends something.
"""

import json
import os
import socket
import sys

from mcp_protocol import Tool, answer_message  # type: ignore[import-not-found]  # in this directory


def _fail() -> str:
    raise ValueError("this tool always fails")


def _hang() -> str:
    sys.stdin.buffer.read()
    return ""


def _crash() -> str:
    print("out of cheese", file=sys.stderr, flush=True)
    os._exit(7)


TOOLS = (
    Tool(name="echo", description="Return the text.", function=lambda text: f"echo of {text}", arguments=("text",)),
    Tool(
        name="environment",
        description="Return the names of all environment variables.",
        function=lambda: " ".join(sorted(os.environ)),
    ),
    Tool(name="fail", description="Fail.", function=_fail),
    Tool(name="own_error", description="Fail with an error of the protocol.", function=_fail),
    Tool(name="hang", description="Never return.", function=_hang),
    Tool(name="crash", description="Exit in the middle of a call.", function=_crash),
)


if __name__ == "__main__":
    lifeline = os.environ.get("LIFELINE")
    if lifeline:
        host, port = lifeline.split(":")
        # The name keeps the connection open until the process exits.
        connection = socket.create_connection((host, int(port)))
    barrier = os.environ.get("BARRIER")
    if barrier:
        host, port = barrier.split(":")
        socket.create_connection((host, int(port))).recv(1)
    print("server is starting", file=sys.stderr, flush=True)
    for line in sys.stdin.buffer:
        answer = answer_message(json.loads(line), TOOLS)
        if answer is not None:
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()
