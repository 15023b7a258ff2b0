"""A program and all its descendants, to kill or deprioritize together: a process group on POSIX, a job on Windows.

Windows kills every process of a job when the job's last handle is closed, even if the owner of the handle was killed.
"""

import functools
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final, Protocol

# Of the 20 levels below normal. At a third of the normal weight other work hardly slows down, and the program still
# makes progress on a busy machine.
_NICENESS: Final = 5

# Without privileges the kernel accepts one change of autogroup niceness in 0.1 s.
_TRIES: Final = 10
_SECONDS_BETWEEN_TRIES: Final = 0.11


class Started(Protocol):
    """A started process; satisfied by `subprocess.Popen`."""

    pid: int


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    # BELOW_NORMAL_PRIORITY_CLASS; like the others from winbase.h and winnt.h of the Windows SDK.
    BACKGROUND_FLAGS: Final = 0x4000
    _CREATE_SUSPENDED: Final = 0x4
    _CREATE_NEW_PROCESS_GROUP: Final = 0x200
    _KILL_ON_JOB_CLOSE: Final = 0x2000
    _EXTENDED_LIMITS: Final = 9

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_time", wintypes.LARGE_INTEGER),
            ("per_job_time", wintypes.LARGE_INTEGER),
            ("flags", wintypes.DWORD),
            ("working_set_sizes", ctypes.c_size_t * 2),
            ("active_processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority_and_scheduling", wintypes.DWORD * 2),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits),
            ("io_counters", ctypes.c_uint64 * 6),
            ("memory", ctypes.c_size_t * 4),
        )

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel.CreateJobObjectW.restype = wintypes.HANDLE
    _kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
    _kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    _kernel.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
    _kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    _kernel.GetCurrentProcess.restype = wintypes.HANDLE
    _resume = ctypes.WinDLL("ntdll").NtResumeProcess
    _resume.argtypes = (wintypes.HANDLE,)

    # Suspended, so that it can't start anything outside the job; in a new group, for Ctrl-Break.
    CREATION_FLAGS: Final = _CREATE_NEW_PROCESS_GROUP | _CREATE_SUSPENDED

    def _create_job() -> int:
        job = _kernel.CreateJobObjectW(None, None)
        limits = _ExtendedLimits(basic=_BasicLimits(flags=_KILL_ON_JOB_CLOSE))
        _require(_kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)))
        return int(job)

    def _require(result: int) -> None:
        if not result:
            raise ctypes.WinError(ctypes.get_last_error())

    class ProcessGroup:
        """The group of a program and all its descendants."""

        def __init__(self) -> None:
            self._job = _create_job()

        def add(self, process: Started) -> None:
            """Add a program that was just started with `CREATION_FLAGS`, and resume it."""
            # `Popen` has no public access to it.
            handle = int(getattr(process, "_handle"))  # noqa: B009
            _require(_kernel.AssignProcessToJobObject(self._job, handle))
            _resume(handle)

        def kill(self) -> None:
            """Kill what is left of the group."""
            _kernel.TerminateJobObject(self._job, 1)

        def close(self) -> None:
            """Release the group, which kills what is left of it."""
            _kernel.CloseHandle(self._job)

    @functools.cache
    def kill_children_at_exit() -> None:
        """From now on, everything that this process starts is killed when it exits, in whatever way."""
        # The handle stays open until then; children inherit the job.
        _require(_kernel.AssignProcessToJobObject(_create_job(), _kernel.GetCurrentProcess()))

    def lower_priority(pid: int) -> None:
        """Do nothing: `BACKGROUND_FLAGS` lower the priority from the start."""

else:
    CREATION_FLAGS: Final = 0
    BACKGROUND_FLAGS: Final = 0

    class ProcessGroup:
        """The group of a program and all its descendants."""

        def __init__(self) -> None:
            self._leader: int | None = None

        def add(self, process: Started) -> None:
            """Add a program that was just started in a new session."""
            self._leader = process.pid

        def kill(self) -> None:
            """Kill what is left of the group."""
            if self._leader is None:
                return
            try:
                os.killpg(self._leader, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                # macOS raises the second for a group of zombies.
                return

        def close(self) -> None:
            """Release the group; what is left of it keeps running, as after any program."""

    def kill_children_at_exit() -> None:
        """Do nothing: on POSIX a terminal or a job runner kills the whole process group or session."""

    def lower_priority(pid: int) -> None:
        """Let a program that leads a session, and all its descendants, run when other work leaves a processor idle."""
        niceness = min(os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS, 19)
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
        # Most Linux kernels first share the processors among sessions, and apply niceness only within one: sched(7).
        # Other systems have no such file, and don't schedule by session.
        for _ in range(_TRIES):
            try:
                Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")
            except BlockingIOError:
                time.sleep(_SECONDS_BETWEEN_TRIES)
            except OSError:
                return
            else:
                return
