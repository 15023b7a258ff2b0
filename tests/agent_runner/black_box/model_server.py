"""A model endpoint on loopback that streams scripted replies and records requests.

It implements chat completions, the Responses API and Anthropic's Messages API, and receives OTLP traces. A reply can
wait until the test releases it, so no test needs to sleep.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from .mcp_protocol import Tool, answer_message
from .program import TIMEOUT_SECONDS


class Hold:
    """A point where the server waits until the test releases it."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._released = threading.Event()

    def wait_until_reached(self) -> None:
        assert self._reached.wait(TIMEOUT_SECONDS), "the server received no request"

    def release(self) -> None:
        self._released.set()

    def wait_until_released(self) -> None:
        self._reached.set()
        self._released.wait(TIMEOUT_SECONDS)


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A tool call of the model."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One scripted response: pieces of text, then tool calls; or an error."""

    pieces: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    status: int = 200
    error: str = ""
    hold: Hold | None = None
    hold_after_first_piece: Hold | None = None
    closes_after_first_piece: bool = False
    ends_after_first_piece: bool = False
    reports_usage: bool = True
    # Whether the client library tries again by itself.
    is_retried_by_client: bool = False


@dataclass(frozen=True, kw_only=True)
class Request:
    """A recorded request."""

    path: str
    headers: Mapping[str, str]  # with lowercase names
    body: Mapping[str, Any]  # Any: JSON

    @property
    def tool_names(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.body.get("tools", [])]

    @property
    def called_tool(self) -> tuple[str, ...] | None:
        """The tool that this request calls by MCP, and its arguments; None for any other request."""
        if self.body.get("method") != "tools/call":
            return None
        return (self.body["params"]["name"], *self.body["params"].get("arguments", {}).values())

    def texts(self, role: str) -> list[str]:
        return [message["content"] for message in self.body["messages"] if message["role"] == role]


class ModelServer:
    """The server. Its `url` ends in `/v1`, and `mcp_url` is an MCP server."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._replies: deque[Reply] = deque()
        self._holds: list[Hold] = []
        self._tool_hold: Hold | None = None
        self._choose: Callable[[Request], Reply] | None = None
        self._steps_before_hold = 0
        self._step_holds: deque[Hold] = deque()
        self._server = _QuietServer(("127.0.0.1", 0), _Handler)
        self._server.model_server = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{address}/v1"
        self.root_url = address
        self.mcp_url = f"{address}/mcp"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for hold in self._holds:
            hold.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(TIMEOUT_SECONDS)

    @property
    def called_tools(self) -> list[tuple[str, ...]]:
        """The tools that were called by MCP, in order."""
        return [call for request in list(self.requests) if (call := request.called_tool)]

    @property
    def model_requests(self) -> list[Request]:
        """The requests to the model."""
        return [request for request in list(self.requests) if request.path != "/mcp"]

    def will_answer(self, *replies: Reply) -> None:
        """Add replies to the script, one per request."""
        for reply in replies:
            self._holds += [hold for hold in (reply.hold, reply.hold_after_first_piece) if hold]
        self._replies.extend(replies)

    def will_wait_in_tool(self, hold: Hold) -> None:
        """Have calls of the MCP tool `wait` wait here."""
        self._holds.append(hold)
        self._tool_hold = hold

    def wait_in_tool(self) -> None:
        """Wait in a call of the MCP tool `wait`, if the test said so."""
        if self._tool_hold is not None:
            self._tool_hold.wait_until_released()

    def will_answer_by(
        self, choose: Callable[[Request], Reply], holds_after_steps: tuple[int, list[Hold]] = (0, [])
    ) -> None:
        """Answer each request that isn't scripted by what it asks.

        The first requests with this many tool results each wait at a hold.
        """
        self._choose = choose
        self._steps_before_hold, holds = holds_after_steps
        self._step_holds = deque(holds)
        self._holds += holds

    def next_reply(self, request: Request) -> Reply:
        """Record the request and return the reply to send."""
        self.requests.append(request)
        if self._replies:
            return self._replies.popleft()
        if self._choose is None:
            return Reply(status=500, error="no more scripted replies")
        reply = self._choose(request)
        if self._step_holds and len(request.texts("tool")) == self._steps_before_hold:
            return replace(reply, hold=self._step_holds.popleft())
        return reply


def _hang_up() -> str:
    raise ConnectionAbortedError


_MCP_TOOLS = (
    Tool(
        name="shout",
        description="Return the text in upper case.",
        function=lambda text: text.upper(),
        arguments=("text",),
    ),
    Tool(
        name="wait",
        description="Return the text when the test says so.",
        function=lambda text: text,
        arguments=("text",),
    ),
    Tool(name="hang_up", description="Close the connection.", function=_hang_up),
)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    model_server: ModelServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: tests disconnect in the middle of a response."""


class _Handler(BaseHTTPRequestHandler):
    server: _QuietServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Print nothing."""

    def do_GET(self) -> None:
        self._send(405, b"")

    def do_DELETE(self) -> None:
        self._send(200, b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = Request(
            path=self.path, headers={name.lower(): value for name, value in self.headers.items()}, body=body
        )
        if self.path == "/mcp":
            self.server.model_server.requests.append(request)
            if request.called_tool and request.called_tool[0] == "wait":
                self.server.model_server.wait_in_tool()
            answer = answer_message(body, _MCP_TOOLS)
            self._send(202 if answer is None else 200, b"" if answer is None else json.dumps(answer).encode())
            return
        if self.path == "/v1/traces":
            self.server.model_server.requests.append(request)
            self._send(200, b"{}")
            return
        reply = self.server.model_server.next_reply(request)
        if reply.hold is not None:
            reply.hold.wait_until_released()
        if reply.status != 200:
            body = json.dumps({"error": {"message": reply.error, "type": "scripted"}}).encode()
            self._send(reply.status, body, is_retried=reply.is_retried_by_client)
        elif self.path.endswith("/chat/completions"):
            self._stream(_chat_events(reply), reply, ends_with="data: [DONE]\n\n")
        elif self.path.endswith("/responses"):
            self._stream(_responses_events(reply), reply)
        elif self.path.endswith("/messages"):
            self._stream(_anthropic_events(reply), reply)
        else:
            self._send(404, b'{"error": {"message": "no such path"}}')

    def _send(self, status: int, content: bytes, *, is_retried: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        # Otherwise the clients retry after a delay.
        self.send_header("x-should-retry", "true" if is_retried else "false")
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, events: "Iterator[_Event]", reply: Reply, ends_with: str = "") -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        # With chunks, the client can tell a complete response from a closed connection.
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        is_first_piece = True
        for event in events:
            self._write(event.as_text())
            if event.is_piece and is_first_piece:
                is_first_piece = False
                if reply.hold_after_first_piece is not None:
                    reply.hold_after_first_piece.wait_until_released()
                if reply.closes_after_first_piece:
                    self.close_connection = True
                    return
                if reply.ends_after_first_piece:
                    ends_with = ""
                    break
        self._write(ends_with)
        self.wfile.write(b"0\r\n\r\n")

    def _write(self, text: str) -> None:
        data = text.encode()
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()


@dataclass(frozen=True, kw_only=True)
class _Event:
    data: Mapping[str, object]
    is_piece: bool = False

    def as_text(self) -> str:
        kind = self.data.get("type")
        return (f"event: {kind}\n" if kind else "") + f"data: {json.dumps(self.data)}\n\n"


_CHAT_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
_USAGE = {"input_tokens": 10, "output_tokens": 5}


def _chat_events(reply: Reply) -> Iterator[_Event]:
    def chunk(delta: Mapping[str, object], finish_reason: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]}

    yield _Event(data=chunk({"role": "assistant", "content": ""}))
    for piece in reply.pieces:
        yield _Event(data=chunk({"content": piece}), is_piece=True)
    for index, call in enumerate(reply.tool_calls):
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        call_part = {"index": index, "id": f"call-{index}", "type": "function", "function": function}
        yield _Event(data=chunk({"tool_calls": [call_part]}))
    yield _Event(data=chunk({}, "tool_calls" if reply.tool_calls else "stop"))
    if reply.reports_usage:
        yield _Event(data={**chunk({}), "choices": [], "usage": _CHAT_USAGE})


def _responses_events(reply: Reply) -> Iterator[_Event]:
    text = "".join(reply.pieces)
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "m1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        **_USAGE,
        "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    response: dict[str, object] = {
        "id": "r1",
        "object": "response",
        "created_at": 1,
        "model": "scripted",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "status": "in_progress",
    }
    place = {"item_id": "m1", "output_index": 0, "content_index": 0}
    yield _Event(data={"type": "response.created", "sequence_number": 0, "response": response})
    started = {**item, "status": "in_progress", "content": []}
    yield _Event(data={"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": started})
    empty = {**part, "text": ""}
    yield _Event(data={"type": "response.content_part.added", "sequence_number": 2, **place, "part": empty})
    for piece in reply.pieces:
        delta = {"type": "response.output_text.delta", "sequence_number": 3, **place, "delta": piece, "logprobs": []}
        yield _Event(data=delta, is_piece=True)
    done = {"type": "response.output_item.done", "sequence_number": 4, "output_index": 0, "item": item}
    yield _Event(data=done)
    completed = {**response, "status": "completed", "output": [item], "usage": usage}
    yield _Event(data={"type": "response.completed", "sequence_number": 5, "response": completed})


def _anthropic_events(reply: Reply) -> Iterator[_Event]:
    message: dict[str, object] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _USAGE,
    }
    yield _Event(data={"type": "message_start", "message": message})
    yield _Event(data={"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    for piece in reply.pieces:
        delta = {"type": "text_delta", "text": piece}
        yield _Event(data={"type": "content_block_delta", "index": 0, "delta": delta}, is_piece=True)
    yield _Event(data={"type": "content_block_stop", "index": 0})
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _Event(data={"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}})
    yield _Event(data={"type": "message_stop"})
