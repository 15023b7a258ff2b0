"""The least that an MCP server over HTTP has to answer: no streams, and two tools, `shout` and `hang_up`."""

from collections.abc import Mapping
from typing import Any

_METHOD_NOT_FOUND = -32601
_SHOUT = {
    "name": "shout",
    "description": "Return the text in capitals.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}
_HANG_UP = {"name": "hang_up", "description": "Close the connection.", "inputSchema": {"type": "object"}}


def answer_mcp(message: Mapping[str, Any]) -> dict[str, object] | None:  # Any: JSON
    """Return the answer to a request, None for a notification.

    Raises:
        ConnectionAbortedError: if there shall be no answer at all.
    """
    if "id" not in message:
        return None
    answer: dict[str, object] = {"jsonrpc": "2.0", "id": message["id"]}
    match message["method"]:
        case "initialize":
            version = message["params"]["protocolVersion"]
            server = {"name": "shouting", "version": "1"}
            answer["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
        case "tools/list":
            answer["result"] = {"tools": [_SHOUT, _HANG_UP]}
        case "tools/call" if message["params"]["name"] == "hang_up":
            raise ConnectionAbortedError
        case "tools/call":
            text = message["params"]["arguments"]["text"].upper()
            answer["result"] = {"content": [{"type": "text", "text": text}], "isError": False}
        case "ping":
            answer["result"] = {}
        case method:
            answer["error"] = {"code": _METHOD_NOT_FOUND, "message": f"no method {method}"}
    return answer
