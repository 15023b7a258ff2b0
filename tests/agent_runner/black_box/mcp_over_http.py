"""The tools of the model server's MCP endpoint."""

from .mcp_answers import Tool


def _hang_up() -> str:
    raise ConnectionAbortedError


TOOLS = (
    Tool(
        name="shout",
        description="Return the text in upper case.",
        function=lambda text: text.upper(),
        arguments=("text",),
    ),
    Tool(name="hang_up", description="Close the connection.", function=_hang_up),
)
