"""The agent's MCP servers: building their toolsets, starting them, and explaining why one failed."""

import asyncio
import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from agent_runner.agent_file import AgentFile, McpServerSettings, did_you_mean
from agent_runner.environment import expand_server, inherited_variables
from agent_runner.errors import AgentFileError, McpServerError, causes
from agent_runner.model_settings import NOT_A_HEADER, is_header, is_http_url
from agent_runner.output import write_stderr
from agent_runner.permissions import DEFAULT_TOOL_SECONDS, PermissionChecker, tool_failed
from agent_runner.processes import ChildTrackingLoop, is_group_alive, kill_group
from agent_runner.third_party import import_mcp

if TYPE_CHECKING:
    from fastmcp.client.transports import ClientTransport
    from pydantic_ai.mcp import CallToolFunc, ToolResult
    from pydantic_ai.tools import RunContext
    from pydantic_ai.toolsets import AbstractToolset

_log = logging.getLogger(__name__)

# `npx` and `uvx` may have to download the server first.
START_TIMEOUT_SECONDS: Final = 60
_KEPT_STDERR_LINES: Final = 10
_LONGEST_STDERR_LINE: Final = 500
_EXIT_WAIT_SECONDS: Final = 2.0
_EXIT_POLL_SECONDS: Final = 0.01
_PING_SECONDS: Final = 5.0


def build_servers(
    agent_file: AgentFile,
    environ: Mapping[str, str],
    *,
    show_stderr: bool,
    permissions: PermissionChecker | None = None,
) -> "list[McpServer]":
    """Return the agent file's servers, without starting them.

    Raises:
        AgentFileError: if a URL is invalid.
    """
    expanded = {name: expand_server(server, environ) for name, server in agent_file.settings.mcp_servers.items()}
    for name, server in expanded.items():
        if server.url is not None and not is_http_url(server.url):
            place = f"{agent_file.path}: mcpServers.{name}.url"
            raise AgentFileError(f"{place}: must be a URL that starts with http:// or https://, not {server.url!r}")
        for header, value in server.headers.items():
            if not is_header(header, value):
                raise AgentFileError(f"{agent_file.path}: mcpServers.{name}.headers.{header}: {NOT_A_HEADER}")
    if expanded:
        import_mcp()
    return [
        McpServer(name, server, agent_file, environ, show_stderr=show_stderr, permissions=permissions)
        for name, server in expanded.items()
    ]


async def start_servers(servers: "list[McpServer]", stack: AsyncExitStack) -> None:
    """Start all servers at the same time, and stop them when the stack is closed.

    Raises:
        ExceptionGroup: with the error of each server that didn't start.
    """
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(server.start(stack))


class McpServer:
    """One MCP server of a run. All `${VAR}` in its settings are expanded."""

    def __init__(
        self,
        name: str,
        settings: McpServerSettings,
        agent_file: AgentFile,
        environ: Mapping[str, str],
        *,
        show_stderr: bool,
        permissions: PermissionChecker | None,
    ) -> None:
        from pydantic_ai.mcp import MCPToolset

        self.name = name
        self.settings = settings
        self._agent_file = agent_file.path
        self._environment = {**inherited_variables(environ), **settings.env}
        self._call_seconds = agent_file.settings.tool_timeout or DEFAULT_TOOL_SECONDS
        self._permissions = permissions or PermissionChecker()
        self.stderr = StderrTail(f"[{name}] " if show_stderr else None)
        self._toolset: MCPToolset[None] = MCPToolset(
            self._build_transport(),
            id=name,
            init_timeout=START_TIMEOUT_SECONDS,
            # The model sees that a tool failed and can go on. Otherwise a tool that fails twice ends the run.
            tool_error_behavior="failed",
            process_tool_call=self._call_tool,
        )

    @property
    def toolset(self) -> "AbstractToolset[None]":
        """The allowed tools, named `<server>_<tool>`."""
        allowed = self.settings.tools
        if allowed is None:
            return self._toolset.prefixed(self.name)
        return self._toolset.filtered(lambda _, tool: tool.name in allowed).prefixed(self.name)

    async def start(self, stack: AsyncExitStack) -> None:
        """Start or connect to the server, and stop it when the stack is closed.

        Raises:
            McpServerError: if the server can't be started or reached.
            AgentFileError: if the agent file allows a tool that doesn't exist.
        """
        stack.callback(self.stderr.close)
        try:
            await self._toolset.__aenter__()
            stack.push_async_exit(self._stop)
            await self.tool_names()
        except AgentFileError:
            raise
        except Exception as error:
            raise await self._explain(error) from error

    async def _stop(self, *error: object) -> None:
        try:
            await self._toolset.__aexit__(*error)
        except Exception:  # noqa: BLE001 - the server is stopped either way
            # A failed server fails here again, which would replace the run's own outcome.
            _log.debug("stopping MCP server %s", self.name, exc_info=True)
        child = self._child()
        if child is not None and is_group_alive(child.get_pid()):
            # Started by the server, which may have exited without them.
            kill_group(child.get_pid())

    async def tool_names(self) -> list[str]:
        """Return the names of the started server's allowed tools."""
        names = [tool.name for tool in await self._toolset.list_tools()]
        for allowed in self.settings.tools or ():
            if allowed not in names:
                place = f"{self._agent_file}: mcpServers.{self.name}.tools"
                message = f"{place}: the server has no tool {allowed!r}{did_you_mean(allowed, names)}"
                raise AgentFileError(message, f"its tools are: {', '.join(names) or 'none'}")
        return names if self.settings.tools is None else self.settings.tools

    def _build_transport(self) -> "ClientTransport":
        from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport

        settings = self.settings
        if settings.command is not None:
            return StdioTransport(
                settings.command,
                settings.args,
                env=self._environment,
                cwd=settings.cwd,
                # Otherwise the server outlives the connection.
                keep_alive=False,
                log_file=self.stderr.file,
            )
        transport = SSETransport if settings.type == "sse" else StreamableHttpTransport
        return transport(settings.url or "", headers=settings.headers)

    async def _call_tool(
        self, _: "RunContext[None]", call: "CallToolFunc", tool_name: str, arguments: dict[str, Any]
    ) -> "ToolResult":
        from pydantic_ai.exceptions import ModelRetry

        await self._permissions.check_tool(f"{self.name}_{tool_name}")
        timer = asyncio.timeout(self._call_seconds)
        try:
            async with timer:
                return await call(tool_name, arguments)
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise tool_failed(f"timed out after {self._call_seconds:g} seconds (tool_timeout)") from error
        except ModelRetry as error:
            # pydantic-ai raises this for every failure of a call, including a lost connection.
            if await self._has_lost_connection(error.__cause__):
                raise await self._explain(error.__cause__) from error
            raise tool_failed(error.message) from error

    async def _has_lost_connection(self, error: BaseException | None) -> bool:
        if not _is_connection_lost(error):
            return False
        if self.settings.command is None:
            return True
        # A server may use the same error code for its own errors.
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self._toolset.client.ping()
        except TimeoutError:
            return False
        except Exception:  # noqa: BLE001 - of several libraries
            return True
        return False

    async def _explain(self, error: BaseException | None) -> McpServerError:
        for cause in causes(error):
            if isinstance(cause, TimeoutError):
                return self._error(f"didn't respond within {START_TIMEOUT_SECONDS} seconds")
            is_from_server = isinstance(cause, ConnectionError)
            if isinstance(cause, OSError) and not is_from_server and self.settings.command is not None:
                # Windows doesn't set the file name.
                reason = f"{cause.filename or self.settings.command}: {cause.strerror}"
                hint = f"check mcpServers.{self.name}.command and .cwd, and that the program is on the PATH"
                return McpServerError(f"can't start MCP server {self.name!r}: {reason}", hint)
        if self.settings.command is None:
            while error is not None and error.__cause__ is not None:
                error = error.__cause__
            reason = str(error) or type(error).__name__
            hint = f"check mcpServers.{self.name}.url, and that the server is running"
            return McpServerError(f"can't reach MCP server {self.name!r} at {self.settings.url}: {reason}", hint)
        if not _is_connection_lost(error):
            return self._error(f"failed: {error}")
        status = await self._exit_status()
        return self._error("closed the connection" if status is None else _describe_exit(status))

    def _error(self, what: str) -> McpServerError:
        lines = [f"MCP server {self.name!r} {what}", *self.stderr.last_lines()]
        return McpServerError("\n  ".join(lines), f"check mcpServers.{self.name}, or run its command by hand")

    async def _exit_status(self) -> int | None:
        child, loop = self._child(), asyncio.get_running_loop()
        if child is None:
            return None
        # Its output ends before the process does.
        deadline = loop.time() + _EXIT_WAIT_SECONDS
        while child.get_returncode() is None and loop.time() < deadline:
            await asyncio.sleep(_EXIT_POLL_SECONDS)
        return child.get_returncode()

    def _child(self) -> asyncio.SubprocessTransport | None:
        loop = asyncio.get_running_loop()
        return loop.child_with_stderr(self.stderr.file) if isinstance(loop, ChildTrackingLoop) else None


class StderrTail:
    """A pipe for a server's standard error, which keeps the last lines."""

    def __init__(self, shown_with_prefix: str | None) -> None:
        reading_end, writing_end = os.pipe()
        self.file = os.fdopen(writing_end, "w", encoding="utf-8")
        self._lines: deque[str] = deque(maxlen=_KEPT_STDERR_LINES)
        self._prefix = shown_with_prefix
        # A thread, because the event loop can't read pipes on Windows.
        self._thread = threading.Thread(target=self._read, args=(reading_end,), daemon=True)
        self._thread.start()

    def last_lines(self) -> list[str]:
        """Return the last lines, waiting briefly for the end of the output."""
        self.close()
        self._thread.join(timeout=_EXIT_WAIT_SECONDS)
        return list(self._lines)

    def close(self) -> None:
        """Close this process's end of the pipe; a running server keeps its own."""
        self.file.close()

    def _read(self, reading_end: int) -> None:
        with os.fdopen(reading_end, encoding="utf-8", errors="replace") as lines:
            # In pieces, because a line may never end.
            while line := lines.readline(_LONGEST_STDERR_LINE):
                text = "".join(char for char in line.rstrip() if char.isprintable())
                if text:
                    self._lines.append(text)
                if self._prefix is not None:
                    write_stderr(self._prefix + text)


def _is_connection_lost(error: BaseException | None) -> bool:
    from mcp import MCPError
    from mcp_types import CONNECTION_CLOSED

    # The code is also the first of those that servers may define.
    return isinstance(error, MCPError) and error.code == CONNECTION_CLOSED and str(error) == "Connection closed"


def _describe_exit(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
