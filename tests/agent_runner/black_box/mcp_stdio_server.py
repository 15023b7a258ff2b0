"""An MCP server over standard input and output; run as a program.

With LIFELINE=host:port in its environment it holds a connection open there for as long as it lives.
"""

import json
import os
import socket
import sys
from pathlib import Path

from mcp_answers import Tool, answer_message  # type: ignore[import-not-found]  # beside this program


def _fail() -> str:
    raise ValueError("this tool never works")


def _crash() -> str:
    print("out of cheese", file=sys.stderr, flush=True)
    os._exit(7)


TOOLS = (
    Tool(name="echo", description="Return the text.", function=lambda text: f"echo of {text}", arguments=("text",)),
    Tool(name="environment", description="Return the variables' names.", function=lambda: " ".join(sorted(os.environ))),
    Tool(name="working_folder", description="Return the working folder.", function=lambda: str(Path.cwd())),
    Tool(name="fail", description="Fail.", function=_fail),
    Tool(name="crash", description="End the server in the middle of a call.", function=_crash),
)


if __name__ == "__main__":
    lifeline = os.environ.get("LIFELINE")
    if lifeline:
        host, port = lifeline.split(":")
        # Kept in a name for as long as the process lives.
        connection = socket.create_connection((host, int(port)))
    print("server is starting", file=sys.stderr, flush=True)
    for line in sys.stdin.buffer:
        answer = answer_message(json.loads(line), TOOLS)
        if answer is not None:
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()
