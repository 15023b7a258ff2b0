"""A model on loopback that answers chat completions at once, and streams. Prints the variables that lead to it."""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIECES = ("first-token\n", "and ", "the rest.")
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
MCP_SERVER = Path(__file__).parents[1] / "black_box" / "mcp_stdio_server.py"


def events() -> Iterator[str]:
    """The server-sent events of the answer."""
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    deltas: list[dict[str, str]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in PIECES), {}]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
        yield f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n"
    yield f"data: {json.dumps({**chunk, 'choices': [], 'usage': USAGE})}\n\n"
    yield "data: [DONE]\n\n"


class Handler(BaseHTTPRequestHandler):
    """Answers every POST in the same way."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Print nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event.encode()))
        self.wfile.write(b"0\r\n\r\n")


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"OPENAI_BASE_URL=http://127.0.0.1:{server.server_address[1]}/v1")
    print(f"BENCHMARK_PYTHON={sys.executable}")
    print(f"BENCHMARK_MCP_SERVER={MCP_SERVER}")
    print("ready", flush=True)
    server.serve_forever()
