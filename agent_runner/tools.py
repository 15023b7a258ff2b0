"""The built-in tools, all of them opt-in and limited in size and time.

Their failures go to the model, which can try something else. They never end the run.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent_runner.agent_file import AgentSettings, BuiltInTool
from agent_runner.approval import Approver
from agent_runner.environment import expand_permissions, tool_environment
from agent_runner.permissions import DEFAULT_TOOL_SECONDS, PermissionChecker, tool_failed
from agent_runner.processes import is_group_alive, kill_child, new_group_options

if TYPE_CHECKING:
    from pydantic_ai.toolsets import FunctionToolset

MAX_RETURNED_BYTES: Final = 64 * 1024
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_ENTRIES: Final = 1000
MAX_SHELL_SECONDS: Final = 600.0
_KILL_SECONDS: Final = 2.0
# Plenty of time for the end of the output, unless a background process keeps the pipe open.
_DRAIN_SECONDS: Final = 0.3


class BuiltInTools:
    """The tools of one run, and the background processes of its shell commands."""

    def __init__(
        self,
        settings: AgentSettings | None = None,
        environ: Mapping[str, str] | None = None,
        approver: Approver | None = None,
        outer_permissions: PermissionChecker | None = None,
    ) -> None:
        settings, environ = settings or AgentSettings(), environ or {}
        self._environment = tool_environment(settings, environ)
        self._seconds = settings.tool_timeout
        self.permissions = PermissionChecker(
            expand_permissions(settings.permissions, environ), approver, outer_permissions
        )
        self._background: list[asyncio.SubprocessTransport] = []

    def toolset(self, names: list[BuiltInTool]) -> "FunctionToolset[None]":
        """Return the toolset with these tools."""
        from pydantic_ai.toolsets import FunctionToolset

        functions: dict[BuiltInTool, Callable[..., object]] = {
            "shell": self.shell,
            "read_file": self.read_file,
            "write_file": self.write_file,
            "list_dir": self.list_dir,
        }
        return FunctionToolset([functions[name] for name in dict.fromkeys(names)], id="built-in")

    def kill_background_processes(self) -> None:
        """Kill the background processes of all shell commands."""
        for transport in self._background:
            kill_child(transport)
            transport.close()
        self._background.clear()

    async def shell(self, command: str, timeout_seconds: float = 120) -> str:
        """Run a shell command and return its exit status and output, including standard error.

        The command has no standard input. Its background processes are killed at the end of the run.

        Args:
            command: The command line for /bin/sh, or for cmd.exe on Windows.
            timeout_seconds: Kill the command after this many seconds, 600 at most.
        """
        await self.permissions.check_tool("shell")
        await self.permissions.check_command(command)
        seconds = min(timeout_seconds, self._seconds or MAX_SHELL_SECONDS, MAX_SHELL_SECONDS)
        loop = asyncio.get_running_loop()
        transport, output = await loop.subprocess_shell(
            lambda: _CommandOutput(loop),
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            **new_group_options(),
        )
        is_finished = False
        try:
            is_finished = bool((await asyncio.wait([output.exited], timeout=seconds))[0])
        finally:
            if not is_finished:
                kill_child(transport)
                await asyncio.wait([output.exited], timeout=_KILL_SECONDS)
            await asyncio.wait([output.closed], timeout=_DRAIN_SECONDS)
            self._release(transport, has_closed_output=output.closed.done())
        result = f"exit status {transport.get_returncode()}" if is_finished else f"killed after {seconds:g} seconds"
        return f"{result}\n{output.text()}"

    def _release(self, transport: asyncio.SubprocessTransport, *, has_closed_output: bool) -> None:
        # What has left the process group may still have the pipe.
        if is_group_alive(transport.get_pid()) or not has_closed_output:
            # Writing to a closed pipe would kill the background process.
            self._background.append(transport)
        else:
            transport.close()

    async def read_file(self, path: str, first_line: int = 1, max_lines: int = 2000) -> str:
        """Read lines of a UTF-8 text file, up to 64 KiB.

        Args:
            path: The file, absolute or relative to the working directory.
            first_line: The first line to return, starting at 1.
            max_lines: The maximum number of lines to return.
        """
        await self.permissions.check_tool("read_file")
        file = await self.permissions.check_path(path, writes=False)
        return await self._in_thread(partial(_read_lines, path, file, first_line, max_lines))

    async def write_file(self, path: str, content: str) -> str:
        """Write a UTF-8 text file, creating its directory or overwriting the file if necessary.

        Args:
            path: The file, absolute or relative to the working directory.
            content: The complete new content.
        """
        await self.permissions.check_tool("write_file")
        file = await self.permissions.check_path(path, writes=True)
        return await self._in_thread(partial(_write_text, path, file, content))

    async def list_dir(self, path: str = ".") -> str:
        """List a directory, one name per line, with a slash after the names of directories.

        Args:
            path: The directory, absolute or relative to the working directory.
        """
        await self.permissions.check_tool("list_dir")
        folder = await self.permissions.check_path(path, writes=False)
        return await self._in_thread(partial(_list_entries, path, folder))

    async def _in_thread(self, function: Callable[[], str]) -> str:
        from anyio.to_thread import run_sync

        seconds = self._seconds or DEFAULT_TOOL_SECONDS
        try:
            async with asyncio.timeout(seconds):
                # Network file systems and named pipes can block forever.
                return await run_sync(function, abandon_on_cancel=True)
        except TimeoutError as error:
            raise tool_failed(f"timed out after {seconds:g} seconds (tool_timeout)") from error


def _read_lines(path: str, file: Path, first_line: int, max_lines: int) -> str:
    try:
        # Reading a device or a named pipe may never end.
        if not file.is_file():
            raise tool_failed(f"{path} is not a file" if file.exists() else f"{path} does not exist")
        with file.open("rb") as stream:
            # A file in /proc doesn't know its size.
            data = stream.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise tool_failed(f"{path} is larger than {MAX_FILE_BYTES} bytes")
        lines = data.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise tool_failed(f"{path} is not a UTF-8 text file") from error
    except (OSError, ValueError) as error:
        raise tool_failed(f"can't read {path}: {error}") from error
    first = max(first_line, 1)
    wanted = "".join(lines[first - 1 : first - 1 + max(max_lines, 1)])
    text = wanted.encode()[:MAX_RETURNED_BYTES].decode("utf-8", errors="ignore")
    if len(text) == sum(map(len, lines)):
        return text
    last = first + len(text.splitlines()) - 1
    return f"{text}\n[lines {first} to {last} of {len(lines)}]"


def _write_text(path: str, file: Path, content: str) -> str:
    data = content.encode("utf-8", errors="replace")
    if len(data) > MAX_FILE_BYTES:
        raise tool_failed(f"the content is larger than {MAX_FILE_BYTES} bytes")
    try:
        if file.exists() and not file.is_file():
            raise tool_failed(f"{path} is not a file")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except (OSError, ValueError) as error:
        raise tool_failed(f"can't write {path}: {error}") from error
    return f"wrote {len(data)} bytes to {path}"


def _list_entries(path: str, folder: Path) -> str:
    try:
        names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in folder.iterdir())
    except (OSError, ValueError) as error:
        raise tool_failed(f"can't list {path}: {error}") from error
    if len(names) > MAX_ENTRIES:
        return "\n".join([*names[:MAX_ENTRIES], f"[{len(names) - MAX_ENTRIES} more]"])
    return "\n".join(names) or "[empty]"


class _CommandOutput(asyncio.SubprocessProtocol):
    """Collects a command's output, keeping the beginning and the end.

    The command exits before its pipe is closed if a background process keeps the pipe open.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._head = bytearray()
        self._tail = bytearray()
        self._omitted = 0

    def pipe_data_received(self, _: int, data: bytes) -> None:
        half = MAX_RETURNED_BYTES // 2
        room = half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        excess = len(self._tail) - half
        if excess > 0:
            self._omitted += excess
            del self._tail[:excess]

    def process_exited(self) -> None:
        self.exited.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        self.closed.set_result(None)

    def text(self) -> str:
        """Return the output so far, without the middle if it's long."""
        head, tail = (part.decode("utf-8", errors="replace") for part in (self._head, self._tail))
        return f"{head}\n[{self._omitted} bytes omitted]\n{tail}" if self._omitted else head + tail
