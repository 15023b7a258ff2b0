"""Starts the program under test and waits for events, never for a fixed time."""

import contextlib
import ctypes
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

if sys.platform == "win32":
    from .process_tree import descendants

BINARY_VARIABLE = "AGENT_RUNNER_BINARY"
# Set by the verification of a binary: 1.0 on an ordinary machine, many times more under emulation.
SLOWNESS = float(os.environ.get("RELEASE_TOOLS_SLOWNESS", "1"))
# Generous, because it's only reached by a hang: `doctor` starts the program twice.
TIMEOUT_SECONDS = 120 * SLOWNESS
# What the program needs to start; PYTHONPATH only from source.
_PASSED_ON = ("PATH", "PYTHONPATH", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "WINDIR")


def program_command() -> list[str]:
    """Return the command that starts the program."""
    binary = os.environ.get(BINARY_VARIABLE)
    return [str(Path(binary).absolute())] if binary else [sys.executable, "-m", "agent_runner"]


def wine_version() -> str:
    """Return Wine's version, or "" if this isn't Wine."""
    if sys.platform == "win32" and hasattr(ctypes.windll.ntdll, "wine_get_version"):
        ask = ctypes.windll.ntdll.wine_get_version
        ask.restype = ctypes.c_char_p
        return str(ask().decode())
    return ""


def is_frozen() -> bool:
    """Return whether the program under test is a frozen binary.

    It may also be an installed script, which has a shebang line or, on Windows, a `python.exe` beside it.
    """
    binary = os.environ.get(BINARY_VARIABLE)
    if not binary:
        return False
    with Path(binary).open("rb") as file:
        is_script = file.read(2) == b"#!"
    return not is_script and not Path(binary).with_name("python.exe").exists()


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The result of a finished program."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:  # Any: JSON
        """The object that `--json` printed."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    @property
    def errors(self) -> list[str]:
        """The lines of standard error from `error:` on."""
        lines = self.stderr.splitlines()
        start = next((index for index, line in enumerate(lines) if line.startswith("error: ")), len(lines))
        return lines[start:]


class Program:
    """The program with its own working directory, temporary directory and environment."""

    def __init__(self, folder: Path, temporary_folder: Path) -> None:
        self.folder = folder
        self.temporary_folder = temporary_folder
        self.environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        for name in ("TMPDIR", "TEMP", "TMP"):
            self.environment[name] = str(temporary_folder)
        self.environment["HOME"] = "/nonexistent"
        self.state_folder = temporary_folder.with_name("state")
        self.environment["AGENT_RUNNER_STATE"] = str(self.state_folder)

    def write(self, name: str, content: str) -> str:
        """Write a file in the working directory and return its name."""
        (self.folder / name).write_text(content, encoding="utf-8")
        return name

    def run(
        self, *arguments: str, stdin: str | bytes = "", environment: Mapping[str, str | None] | None = None
    ) -> Finished:
        """Run the program until it exits."""
        with self.start(*arguments, environment=environment, stdin=subprocess.PIPE) as running:
            running.send_stdin(stdin.encode() if isinstance(stdin, str) else stdin)
            return running.finish()

    def run_agent(
        self, agent_file: str, *arguments: str, environment: Mapping[str, str | None] | None = None
    ) -> Finished:
        """Run an agent file with this content until the program exits."""
        return self.run("run", self.write("agent.yaml", agent_file), "hi", *arguments, environment=environment)

    def start_agent(self, agent_file: str, *arguments: str) -> "Running":
        """Start running an agent file with this content."""
        return self.start("run", self.write("agent.yaml", agent_file), "hi", *arguments)

    def start(
        self,
        *arguments: str,
        environment: Mapping[str, str | None] | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.PIPE,
        command: list[str] | None = None,
    ) -> "Running":
        """Start the program; a variable set to None is removed from its environment."""
        merged: dict[str, str | None] = {**self.environment, **(environment or {})}
        process = subprocess.Popen(
            [*(command or program_command()), *arguments],
            cwd=self.folder,
            env={name: value for name, value in merged.items() if value is not None},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        return Running(process)


class Running:
    """The running program, which the end of the `with` block kills."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._stdout = _Collector(process.stdout)
        self._stderr = _Collector(process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process.poll() is None:
            self.kill()
        self.send_stdin(b"")
        self._stdout.close()
        self._stderr.close()

    def send_stdin(self, data: bytes) -> None:
        """Write to standard input and close it."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.write(data)
                self._process.stdin.close()
            except BrokenPipeError:
                return

    def wait_for_stdout(self, text: str) -> None:
        """Wait for this text on standard output."""
        self._stdout.wait_for(text)

    def wait_for_stderr(self, text: str) -> None:
        """Wait for this text on standard error."""
        self._stderr.wait_for(text)

    def interrupt(self) -> None:
        """Send SIGINT, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """Send SIGTERM, or Ctrl-Break on Windows."""
        self._process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))

    def kill(self) -> None:
        """Kill the process, which can't notice."""
        if sys.platform == "win32":
            # From source, it's started by a launcher, and that's Python by another one.
            for each in descendants(self._process.pid):
                with contextlib.suppress(OSError):
                    os.kill(each, signal.SIGTERM)
        self._process.kill()
        self._process.wait(TIMEOUT_SECONDS)

    def finish(self) -> Finished:
        """Wait until the program exits; it must not have printed a traceback."""
        exit_code = self._process.wait(TIMEOUT_SECONDS)
        finished = Finished(exit_code=exit_code, stdout=self._stdout.rest(), stderr=self._stderr.rest())
        for trace in ("Traceback", "[PYI-", "Exception ignored"):
            assert trace not in finished.stderr, finished.stderr
        return finished


class _Collector:
    """Reads a pipe in a thread, so that a full pipe never blocks the program."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._pipe = pipe
        self._chunks: queue.Queue[bytes] = queue.Queue()
        self._data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_for(self, text: str) -> None:
        while text.encode() not in self._data:
            chunk = self._chunks.get(timeout=TIMEOUT_SECONDS)
            assert chunk, f"expected {text!r}, got only {self._data.decode()!r}"
            self._data += chunk

    def rest(self) -> str:
        self._thread.join(TIMEOUT_SECONDS)
        assert not self._thread.is_alive(), "the program exited, but a child keeps its output open"
        while not self._chunks.empty():
            self._data += self._chunks.get()
        return self._data.decode("utf-8").replace("\r\n", "\n")

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()

    def _read(self) -> None:
        if self._pipe is None:
            return
        try:
            while chunk := os.read(self._pipe.fileno(), 65536):
                self._chunks.put(chunk)
        except (OSError, ValueError):
            pass
        self._chunks.put(b"")


class Lifeline:
    """Shows whether a process is alive: it connects here, and its exit closes the connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TIMEOUT_SECONDS)
        self._connection: socket.socket | None = None
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def wait_until_alive(self) -> None:
        """Wait until the process has connected."""
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(TIMEOUT_SECONDS)

    def wait_until_gone_if_connected(self) -> None:
        """Wait until the process has exited, unless it never connected."""
        self._listener.settimeout(0)
        try:
            self.wait_until_alive()
        except BlockingIOError:
            return
        self.wait_until_gone()

    def wait_until_gone(self) -> None:
        """Wait until the process has exited."""
        assert self._connection is not None
        try:
            assert self._connection.recv(1) == b""
        except ConnectionResetError:
            return
