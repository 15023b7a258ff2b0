"""Windows job objects contain all descendants, even after their parents have exited."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runner.processes import ChildTrackingLoop, is_group_alive, kill_group, new_group_options

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="only Windows has job objects")

TIMEOUT_SECONDS = 60
HOLD_A_CONNECTION = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1)"
LEAVE_ONE_BEHIND = (
    f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {HOLD_A_CONNECTION!r}, sys.argv[1]])"
)
KILLED = f"""
import sys
sys.path[:0] = sys.argv[2:]
# Makes pywin32's DLLs importable, as pywin32.pth does in site-packages.
import pywin32_bootstrap
from agent_runner.processes import kill_children_on_exit
kill_children_on_exit()
{LEAVE_ONE_BEHIND}
{HOLD_A_CONNECTION}
"""


def is_closed(connection: socket.socket) -> bool:
    """Wait until the process at the other end has exited."""
    connection.settimeout(TIMEOUT_SECONDS)
    with connection:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


def test_background_process_is_killed_with_job() -> None:
    loop = ChildTrackingLoop()

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            port = str(server.getsockname()[1])
            command = [sys.executable, "-c", LEAVE_ONE_BEHIND, port]
            process = await asyncio.create_subprocess_exec(*command, **new_group_options())
            left_behind, _ = await loop.sock_accept(server)
            assert await process.wait() == 0
            assert is_group_alive(process.pid)
            kill_group(process.pid)
            assert await asyncio.to_thread(is_closed, left_behind)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(asyncio.wait_for(run(), TIMEOUT_SECONDS))


def test_killed_program_takes_children_along() -> None:
    # In a virtual environment on Windows, `sys.executable` only starts this interpreter.
    python = getattr(sys, "_base_executable", sys.executable)
    root = Path(__file__).parents[3]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_SECONDS)
        port = str(server.getsockname()[1])
        with subprocess.Popen([python, "-c", KILLED, port, str(root), *sys.path], env=dict(os.environ)) as program:
            connections = [server.accept()[0], server.accept()[0]]
            program.kill()
            assert all(map(is_closed, connections))
