"""Child processes: knowing all of them, so that none is left behind when the program ends.

MCP servers are started by a library which keeps their process ids to itself. The event loop starts every child, so
it is the one place where all of them are seen.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

if sys.platform == "win32":
    from agent_runner import job_objects

_GRACE_SECONDS = 1.0
_POLL_SECONDS = 0.01


class ChildTrackingLoop(asyncio.EventLoop):
    """The platform's event loop, which also remembers the children that it started."""

    def __init__(self) -> None:
        super().__init__()
        self._children: list[tuple[asyncio.SubprocessTransport, object]] = []

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:  # Any: passed on as it comes
        """Start a program and remember it."""
        transport, protocol = await super().subprocess_exec(*args, **_suspended(kwargs))
        self._remember(transport, kwargs)
        return transport, protocol

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:  # Any: passed on as it comes
        """Start a shell command and remember it."""
        transport, protocol = await super().subprocess_shell(*args, **_suspended(kwargs))
        self._remember(transport, kwargs)
        return transport, protocol

    def _remember(self, transport: asyncio.SubprocessTransport, options: Mapping[str, Any]) -> None:
        self._children.append((transport, options.get("stderr")))
        if sys.platform == "win32":
            job_objects.resume_in_job(transport.get_extra_info("subprocess"))

    def child_with_stderr(self, stderr: object) -> asyncio.SubprocessTransport | None:
        """Return the last child that was started with exactly this object as its standard error."""
        return next((transport for transport, its_stderr in reversed(self._children) if its_stderr is stderr), None)

    def terminate_children(self) -> None:
        """Ask every living child and its process group to end, and kill those which have not after a second."""
        process_ids = [child.get_pid() for child, _ in self._children if child.get_returncode() is None]
        if sys.platform == "win32":
            for process_id in process_ids:
                kill_group(process_id)
            return
        for process_id in process_ids:
            _signal_group(process_id, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while any(_is_running(process_id) for process_id in process_ids) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        for process_id in process_ids:
            _signal_group(process_id, signal.SIGKILL)


def kill_children_on_exit() -> None:
    """Have Windows end what is left of the children when this program is killed; a no-op elsewhere."""
    if sys.platform == "win32":
        job_objects.kill_children_on_exit()


def new_group_options() -> dict[str, Any]:
    """Return the keyword arguments that start a child as the leader of a process group of its own."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def kill_group(process_id: int) -> None:
    """Kill the process group that this process leads; on Windows: its job, which holds all that it started."""
    if sys.platform == "win32":
        job_objects.kill_job(process_id)
    else:
        _signal_group(process_id, signal.SIGKILL)


def is_group_alive(process_id: int) -> bool:
    """Tell whether any process is left in the group that this process led, or in its job."""
    if sys.platform == "win32":
        return job_objects.is_job_alive(process_id)
    try:
        os.killpg(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _suspended(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for a start, on Windows of a process that waits to be put into its job."""
    if sys.platform == "win32":
        return {**options, "creationflags": options.get("creationflags", 0) | job_objects.CREATE_SUSPENDED}
    return dict(options)


if sys.platform != "win32":

    def _signal_group(process_id: int, number: int) -> None:
        try:
            os.killpg(process_id, number)
        except (ProcessLookupError, PermissionError):
            return

    def _is_running(process_id: int) -> bool:
        try:
            return os.waitid(os.P_PID, process_id, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False
