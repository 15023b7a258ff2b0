"""Tracks and kills child processes, so that none outlives the program.

The MCP library doesn't expose the process IDs of its servers, but every child is started by the event loop.
"""

import asyncio
import atexit
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

if sys.platform == "win32":
    from agent_runner import job_objects

_GRACE_SECONDS = 1.0
_POLL_SECONDS = 0.01

# Marks every child, on Linux, and by inheritance all that it starts: a daemon leaves its process group, session and
# parent, but keeps its environment. Control groups would catch more, but most users can't create them. A subreaper
# would too, but loses its orphans when it's killed.
_MARK_VARIABLE: Final = "AGENT_RUNNER_ANCESTORS"
# This program's mark. The mark of a run begins with it, and those of the run's children begin with the run's. They
# follow the marks of the agent-runner that started this one, which can thus find them too.
_MARK: Final = f"{os.urandom(8).hex()}."
_numbers = itertools.count(1)
_marks: weakref.WeakKeyDictionary[asyncio.SubprocessTransport, str] = weakref.WeakKeyDictionary()

# Reads process groups to add and to forget. When its input ends, it kills the others and everything that has the mark,
# again until there's nothing new. Between finding and killing a process, its number may be used again.
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
for round in 1 2 3 4 5 6 7 8 9; do
  found=$(grep -F -l -s -e "$1" /proc/[0-9]*/environ) || [ "$found" ] || break
  for file in $found; do
    process=${file#/proc/}
    grep -F -q -s -e "$1" "$file" && kill -s KILL "${process%/environ}"
  done
done
"""


class ChildTrackingLoop(asyncio.EventLoop):
    """The platform's default event loop, which also tracks the children that it starts."""

    def __init__(self) -> None:
        super().__init__()
        self._children: list[tuple[asyncio.SubprocessTransport, object]] = []
        self._mark = f"{_MARK}{next(_numbers)}."

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:  # Any: as inherited
        """Start and track a program."""
        options = self._start_options(kwargs)
        transport, protocol = await super().subprocess_exec(*args, **options)
        self._track(transport, options)
        return transport, protocol

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:  # Any: as inherited
        """Start and track a shell command."""
        options = self._start_options(kwargs)
        transport, protocol = await super().subprocess_shell(*args, **options)
        self._track(transport, options)
        return transport, protocol

    def close(self) -> None:
        """Kill what the children have left behind, and close the loop."""
        if self._children:
            _kill_marked(self._mark)
        super().close()

    def _start_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Mark a child's environment. On Windows, have it start suspended, to be resumed in its job."""
        changed = dict(options)
        if sys.platform == "win32":
            changed["creationflags"] = options.get("creationflags", 0) | job_objects.CREATE_SUSPENDED
        elif sys.platform == "linux":
            environment = os.environ if options.get("env") is None else options["env"]
            marks = f"{os.environ.get(_MARK_VARIABLE, '')}{self._mark}{next(_numbers)}."
            changed["env"] = {**environment, _MARK_VARIABLE: marks}
        return changed

    def _track(self, transport: asyncio.SubprocessTransport, options: Mapping[str, Any]) -> None:
        self._children.append((transport, options.get("stderr")))
        if sys.platform == "win32":
            job_objects.resume_in_job(transport.get_extra_info("subprocess"))
        else:
            if sys.platform == "linux":
                _marks[transport] = options["env"][_MARK_VARIABLE]
            _guard.watch(transport.get_pid())

    def child_with_stderr(self, stderr: object) -> asyncio.SubprocessTransport | None:
        """Return the last child that was started with this object as its standard error."""
        return next((transport for transport, its_stderr in reversed(self._children) if its_stderr is stderr), None)

    def terminate_children(self) -> None:
        """Terminate all children and their process groups, and kill what's left after a second.

        What has left its process group is killed at once.
        """
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
        if self._children:
            _kill_marked(self._mark)


class _Guard:
    """A shell that kills all children when this program ends in whatever way, such as by SIGKILL."""

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
                ["/bin/sh", "-c", _GUARD_SCRIPT, "sh", _MARK],
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
        """Kill what's left."""
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


def kill_child(child: asyncio.SubprocessTransport) -> None:
    """Kill a child and everything that it has started, on Linux including what has left its process group."""
    kill_group(child.get_pid())
    if child in _marks:
        _kill_marked(_marks[child])


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


def _kill_marked(mark: str) -> None:
    """On Linux, kill all processes that have this mark, and what they start meanwhile."""
    if sys.platform == "linux":
        deadline = time.monotonic() + _GRACE_SECONDS
        while marked := [file for file in Path("/proc").glob("[0-9]*/environ") if _has_mark(file, mark)]:
            for file in marked:
                _kill_if_marked(file, mark)
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)


if sys.platform == "linux":

    def _has_mark(environ_file: Path, mark: str) -> bool:
        try:
            return mark.encode() in environ_file.read_bytes()
        except OSError:
            # The process has ended, or isn't this user's.
            return False

    def _kill_if_marked(environ_file: Path, mark: str) -> None:
        process_id = int(environ_file.parent.name)
        try:
            descriptor = os.pidfd_open(process_id)
        except (AttributeError, OSError):
            # Before Linux 5.3, forbidden by a container, or the process has ended.
            descriptor = None
        # Read again, because another process may have had this number. From here on, the descriptor refers to this one.
        if _has_mark(environ_file, mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if descriptor is None:
                    os.kill(process_id, signal.SIGKILL)
                else:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        if descriptor is not None:
            os.close(descriptor)
