"""The built-in tools, all of them opt-in and limited in size and time.

Their failures go to the model, which can try something else. They never end the run.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent_runner.agent_file import BuiltInTool
from agent_runner.processes import is_group_alive, kill_group, new_group_options

if TYPE_CHECKING:
    from pydantic_ai.exceptions import ToolFailed
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

    def __init__(self) -> None:
        self._background: list[asyncio.SubprocessTransport] = []

    def toolset(self, names: list[BuiltInTool]) -> "FunctionToolset[None]":
        """Return the toolset with these tools."""
        from pydantic_ai.toolsets import FunctionToolset

        functions: dict[BuiltInTool, Callable[..., object]] = {
            "shell": self.shell,
            "read_file": read_file,
            "write_file": write_file,
            "list_dir": list_dir,
        }
        return FunctionToolset([functions[name] for name in dict.fromkeys(names)], id="built-in")

    def kill_background_processes(self) -> None:
        """Kill the background processes of all shell commands."""
        for transport in self._background:
            kill_group(transport.get_pid())
            transport.close()
        self._background.clear()

    async def shell(self, command: str, timeout_seconds: float = 120) -> str:
        """Run a shell command and return its exit status and output, including standard error.

        The command has no standard input. Its background processes are killed at the end of the run.

        Args:
            command: The command line for /bin/sh, or for cmd.exe on Windows.
            timeout_seconds: Kill the command after this many seconds, 600 at most.
        """
        seconds = min(timeout_seconds, MAX_SHELL_SECONDS)
        loop = asyncio.get_running_loop()
        transport, output = await loop.subprocess_shell(
            lambda: _CommandOutput(loop),
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            **new_group_options(),
        )
        is_finished = False
        try:
            is_finished = bool((await asyncio.wait([output.exited], timeout=seconds))[0])
        finally:
            if not is_finished:
                kill_group(transport.get_pid())
                await asyncio.wait([output.exited], timeout=_KILL_SECONDS)
            await asyncio.wait([output.closed], timeout=_DRAIN_SECONDS)
            self._release(transport)
        result = f"exit status {transport.get_returncode()}" if is_finished else f"killed after {seconds:g} seconds"
        return f"{result}\n{output.text()}"

    def _release(self, transport: asyncio.SubprocessTransport) -> None:
        if is_group_alive(transport.get_pid()):
            # Writing to a closed pipe would kill the background process.
            self._background.append(transport)
        else:
            transport.close()


def read_file(path: str, first_line: int = 1, max_lines: int = 2000) -> str:
    """Read lines of a UTF-8 text file, up to 64 KiB.

    Args:
        path: The file, absolute or relative to the working directory.
        first_line: The first line to return, starting at 1.
        max_lines: The maximum number of lines to return.
    """
    file = Path(path)
    try:
        # Reading a device or a named pipe may never end.
        if not file.is_file():
            raise _tool_failed(f"{path} is not a file" if file.exists() else f"{path} does not exist")
        if file.stat().st_size > MAX_FILE_BYTES:
            raise _tool_failed(f"{path} is larger than {MAX_FILE_BYTES} bytes")
        lines = file.read_bytes().decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        raise _tool_failed(f"{path} is not a UTF-8 text file") from error
    except (OSError, ValueError) as error:
        raise _tool_failed(f"can't read {path}: {error}") from error
    first = max(first_line, 1)
    wanted = "".join(lines[first - 1 : first - 1 + max(max_lines, 1)])
    text = wanted.encode()[:MAX_RETURNED_BYTES].decode("utf-8", errors="ignore")
    if len(text) == sum(map(len, lines)):
        return text
    last = first + len(text.splitlines()) - 1
    return f"{text}\n[lines {first} to {last} of {len(lines)}]"


def write_file(path: str, content: str) -> str:
    """Write a UTF-8 text file, creating its directory or overwriting the file if necessary.

    Args:
        path: The file, absolute or relative to the working directory.
        content: The complete new content.
    """
    data = content.encode("utf-8", errors="replace")
    if len(data) > MAX_FILE_BYTES:
        raise _tool_failed(f"the content is larger than {MAX_FILE_BYTES} bytes")
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except (OSError, ValueError) as error:
        raise _tool_failed(f"can't write {path}: {error}") from error
    return f"wrote {len(data)} bytes to {path}"


def list_dir(path: str = ".") -> str:
    """List a directory, one name per line, with a slash after the names of directories.

    Args:
        path: The directory, absolute or relative to the working directory.
    """
    try:
        names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in Path(path).iterdir())
    except (OSError, ValueError) as error:
        raise _tool_failed(f"can't list {path}: {error}") from error
    if len(names) > MAX_ENTRIES:
        return "\n".join([*names[:MAX_ENTRIES], f"[{len(names) - MAX_ENTRIES} more]"])
    return "\n".join(names) or "[empty]"


def _tool_failed(message: str) -> "ToolFailed":
    from pydantic_ai.exceptions import ToolFailed

    return ToolFailed(message)


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
