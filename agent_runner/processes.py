"""Tracks and kills child processes, so that none outlives the program.

The MCP library doesn't expose the process IDs of its servers, but every child is started by the event loop.
"""

import asyncio
import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

if sys.platform == "win32":
    from agent_runner import job_objects

_GRACE_SECONDS = 1.0
_POLL_SECONDS = 0.01

# Reads process groups to add and to forget, and kills the others when its input ends.
_GUARD_SCRIPT = """\
trap '' HUP INT TERM
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"""


class ChildTrackingLoop(asyncio.EventLoop):
    """The platform's default event loop, which also tracks the children that it starts."""

    def __init__(self) -> None:
        super().__init__()
        self._children: list[tuple[asyncio.SubprocessTransport, object]] = []

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:  # Any: as inherited
        """Start and track a program."""
        transport, protocol = await super().subprocess_exec(*args, **_start_options(kwargs))
        self._track(transport, kwargs)
        return transport, protocol

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:  # Any: as inherited
        """Start and track a shell command."""
        transport, protocol = await super().subprocess_shell(*args, **_start_options(kwargs))
        self._track(transport, kwargs)
        return transport, protocol

    def _track(self, transport: asyncio.SubprocessTransport, options: Mapping[str, Any]) -> None:
        self._children.append((transport, options.get("stderr")))
        if sys.platform == "win32":
            job_objects.resume_in_job(transport.get_extra_info("subprocess"))
        else:
            _guard.watch(transport.get_pid())

    def child_with_stderr(self, stderr: object) -> asyncio.SubprocessTransport | None:
        """Return the last child that was started with this object as its standard error."""
        return next((transport for transport, its_stderr in reversed(self._children) if its_stderr is stderr), None)

    def terminate_children(self) -> None:
        """Terminate all children and their process groups, and kill what's left after a second."""
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


class _Guard:
    """A shell that kills process groups when this program ends in whatever way, such as by SIGKILL."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        self._groups: list[int] = []
        self._lock = threading.Lock()

    def watch(self, group: int) -> None:
        """Kill this process group too. Those that have ended are forgotten: their numbers may be used again."""
        with self._lock:
            ended = [each for each in self._groups if not is_group_alive(each)]
            self._groups = [*(each for each in self._groups if each not in ended), group]
            text = "".join(f"- {each}\n" for each in ended) + f"+ {group}\n"
            if not self._tell(text):
                self._start()
                self._tell("".join(f"+ {each}\n" for each in self._groups))

    def _start(self) -> None:
        # Its own session gets no signals from the terminal, and without other open files it keeps nobody waiting.
        with contextlib.suppress(OSError):
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD_SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={},
                start_new_session=True,
            )

    def _tell(self, text: str) -> bool:
        if self._shell is None or self._shell.stdin is None:
            return False
        try:
            self._shell.stdin.write(text.encode())
        except OSError:
            # The shell was killed.
            self._shell.stdin.close()
            self._shell.wait()
            self._shell = None
            return False
        return True

    def end(self) -> None:
        """Kill the groups that are left."""
        if self._shell is not None:
            self._shell.communicate()


_guard = _Guard()
atexit.register(_guard.end)


def kill_children_on_exit() -> None:
    """On Windows, have the system kill all children when this program exits, even if it's killed."""
    if sys.platform == "win32":
        job_objects.kill_children_on_exit()


def new_group_options() -> dict[str, Any]:
    """Return the keyword arguments that start a child in a new process group."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def kill_group(process_id: int) -> None:
    """Kill a child and everything in its process group, or on Windows in its job."""
    if sys.platform == "win32":
        job_objects.kill_job(process_id)
    else:
        _signal_group(process_id, signal.SIGKILL)


def is_group_alive(process_id: int) -> bool:
    """Return whether anything in a child's process group, or on Windows in its job, is still running."""
    if sys.platform == "win32":
        return job_objects.is_job_alive(process_id)
    try:
        os.killpg(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """On Windows, add the flag that starts a process suspended, to be resumed in its job."""
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
