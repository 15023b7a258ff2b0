"""A program together with all that it starts, so that both end as one: a process group on POSIX, a job on Windows.

A job holds what its members start, whoever their parents are, and Windows ends them all when the job's last handle is
closed: also when this process is killed and can do nothing more.
"""

import functools
import os
import signal
import sys
from typing import Final, Protocol


class Started(Protocol):
    """A process that was just started, as `subprocess.Popen` describes it."""

    pid: int


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    # From winbase.h and winnt.h of the Windows SDK.
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

    # Suspended, so that it starts nothing before it is in the job; and with a group for Ctrl-Break of its own.
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
        """What one program and all that it starts belong to."""

        def __init__(self) -> None:
            self._job = _create_job()

        def take(self, process: Started) -> None:
            """Take in a program that was just started with `CREATION_FLAGS`, and let it run."""
            # Its only way to the handle.
            handle = int(getattr(process, "_handle"))  # noqa: B009
            _require(_kernel.AssignProcessToJobObject(self._job, handle))
            _resume(handle)

        def end(self) -> None:
            """End at once what is left of the group."""
            _kernel.TerminateJobObject(self._job, 1)

        def close(self) -> None:
            """Give the group up; what is left of it ends."""
            _kernel.CloseHandle(self._job)

    @functools.cache
    def end_children_with_this_process() -> None:
        """From now on, everything that is started here ends when this process does, in whatever way."""
        # The one handle of this job stays open until then; that the process is in it passes on to its children.
        _require(_kernel.AssignProcessToJobObject(_create_job(), _kernel.GetCurrentProcess()))

else:
    CREATION_FLAGS: Final = 0

    class ProcessGroup:
        """What one program and all that it starts belong to."""

        def __init__(self) -> None:
            self._leader: int | None = None

        def take(self, process: Started) -> None:
            """Take in a program that was just started in a session of its own."""
            self._leader = process.pid

        def end(self) -> None:
            """End at once what is left of the group."""
            if self._leader is None:
                return
            try:
                os.killpg(self._leader, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                # macOS says the second of a group in which only ended processes are left.
                return

        def close(self) -> None:
            """Give the group up; what is left of it carries on, as it does after any program."""

    def end_children_with_this_process() -> None:
        """Nothing here: what a terminal or a job runner ends on POSIX, it ends by their process group or session."""
