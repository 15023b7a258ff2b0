"""The tools of the MCP server over HTTP that the model server is, too."""

from .mcp_answers import Tool


def _hang_up() -> str:
    raise ConnectionAbortedError


TOOLS = (
    Tool(
        name="shout",
        description="Return the text in capitals.",
        function=lambda text: text.upper(),
        arguments=("text",),
    ),
    Tool(name="hang_up", description="Close the connection.", function=_hang_up),
)
