"""A minimal MCP server on the standard library, because importing a real one takes a second per test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_METHOD_NOT_FOUND = -32601


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool whose function gets the call's arguments. A `ValueError` goes to the model."""

    name: str
    description: str
    function: Callable[..., str]
    arguments: tuple[str, ...] = ()

    @property
    def entry(self) -> dict[str, object]:
        """The tool's entry in `tools/list`."""
        properties = {argument: {"type": "string"} for argument in self.arguments}
        schema = {"type": "object", "properties": properties, "required": list(self.arguments)}
        return {"name": self.name, "description": self.description, "inputSchema": schema}


def answer_message(message: Mapping[str, Any], tools: tuple[Tool, ...]) -> dict[str, object] | None:  # Any: JSON
    """Return the response to a request; None for a notification."""
    if "id" not in message:
        return None
    answer: dict[str, object] = {"jsonrpc": "2.0", "id": message["id"]}
    match message["method"]:
        case "initialize":
            version = message["params"]["protocolVersion"]
            server = {"name": "for-tests", "version": "1"}
            answer["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
        case "tools/list":
            answer["result"] = {"tools": [tool.entry for tool in tools]}
        case "tools/call":
            if message["params"]["name"] == "own_error":
                # The code is the first of those for a server's own errors.
                answer["error"] = {"code": -32000, "message": "out of quota"}
            else:
                answer["result"] = _call(message["params"], tools)
        case "ping":
            answer["result"] = {}
        case method:
            answer["error"] = {"code": _METHOD_NOT_FOUND, "message": f"no method {method}"}
    return answer


def _call(params: Mapping[str, Any], tools: tuple[Tool, ...]) -> dict[str, object]:
    tool = next(tool for tool in tools if tool.name == params["name"])
    try:
        text, is_error = tool.function(**params.get("arguments") or {}), False
    except ValueError as error:
        text, is_error = str(error), True
    return {"content": [{"type": "text", "text": text}], "isError": is_error}
