"""A program's descendants are killed with it, even if their parent has exited."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from release_tools.processes.run import run_logged, started

pytestmark = pytest.mark.programs

REPOSITORY = Path(__file__).parents[3]
TIMEOUT_SECONDS = 120.0
# The interpreter itself; on Windows a virtual environment's is a launcher.
PYTHON = getattr(sys, "_base_executable", sys.executable)

HOLD_A_CONNECTION = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1)"
LEAVE_ONE_BEHIND = (
    f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {HOLD_A_CONNECTION!r}, sys.argv[1]])"
)
TIED = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from release_tools.processes.process_groups import kill_children_at_exit
kill_children_at_exit()
kill_children_at_exit()
{LEAVE_ONE_BEHIND}
{HOLD_A_CONNECTION}
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Processes connect here; a connection closes when its process exits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_SECONDS)
        yield server


def accepted(listener: socket.socket) -> socket.socket:
    connection, _ = listener.accept()
    connection.settimeout(TIMEOUT_SECONDS)
    return connection


def is_closed(connection: socket.socket) -> bool:
    with connection:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


def python(code: str, listener: socket.socket) -> list[str]:
    return [PYTHON, "-c", code, str(listener.getsockname()[1])]


def test_orphan_is_killed_with_its_group(tmp_path: Path, listener: socket.socket) -> None:
    command = python(LEAVE_ONE_BEHIND, listener)
    with started(command, cwd=tmp_path, environment=dict(os.environ), timeout_seconds=TIMEOUT_SECONDS) as program:
        left_behind = accepted(listener)
        assert program.wait() == 0
    assert is_closed(left_behind)


def test_orphan_does_not_block_the_log(tmp_path: Path, listener: socket.socket) -> None:
    lines: list[str] = []
    code = f"{LEAVE_ONE_BEHIND}\nprint('left', flush=True)"
    assert run_logged(python(code, listener), cwd=tmp_path, env={}, log=tmp_path / "log", on_line=lines.append) == 0
    assert lines == ["left"]


@pytest.mark.skipif(sys.platform != "win32", reason="POSIX has no jobs: children of a killed process keep running")
def test_children_of_a_killed_process_are_killed(tmp_path: Path, listener: socket.socket) -> None:
    command = python(TIED, listener)
    with started(command, cwd=tmp_path, environment=dict(os.environ), timeout_seconds=TIMEOUT_SECONDS) as program:
        connections = [accepted(listener), accepted(listener)]
        program.kill()
        assert all(map(is_closed, connections))
