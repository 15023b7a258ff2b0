"""Windows job objects, each of which groups a process with all its descendants.

Windows kills a job's processes when its last handle is closed, which includes this program being killed.
"""

import ctypes
import sys
from typing import Any, Final

import win32api
import win32job

assert sys.platform == "win32"  # noqa: S101 - has mypy skip the rest of this module elsewhere

# From winbase.h of the Windows SDK. A process must not start a child before it's in its job.
CREATE_SUSPENDED: Final = 0x4

# Keyed by process ID. The handles stay open until this program exits.
_jobs: dict[int, Any] = {}  # Any: a pywin32 handle


def kill_children_on_exit() -> None:
    """Have Windows kill every process started from here on when this program exits, for whatever reason."""
    job = _create_job()
    win32job.AssignProcessToJobObject(job, win32api.GetCurrentProcess())
    # This process is in the job too, so closing the handle would kill it.
    job.Detach()


def resume_in_job(process: Any) -> None:  # Any: a Popen, whose handle exists on Windows only
    """Assign a suspended process to a new job, then resume it."""
    handle = int(process._handle)  # noqa: SLF001 - Popen has no public handle
    _jobs[process.pid] = _create_job()
    win32job.AssignProcessToJobObject(_jobs[process.pid], handle)
    ctypes.WinDLL("ntdll").NtResumeProcess(ctypes.c_void_p(handle))


def kill_job(process_id: int) -> None:
    """Kill a process and all its descendants."""
    if process_id in _jobs:
        win32job.TerminateJobObject(_jobs[process_id], 1)


def is_job_alive(process_id: int) -> bool:
    """Return whether the process or any of its descendants is still running."""
    if process_id not in _jobs:
        return False
    accounting = win32job.JobObjectBasicAccountingInformation
    return bool(win32job.QueryInformationJobObject(_jobs[process_id], accounting)["ActiveProcesses"])


def _create_job() -> Any:
    job = win32job.CreateJobObject(None, "")
    limits = win32job.QueryInformationJobObject(job, win32job.JobObjectExtendedLimitInformation)
    limits["BasicLimitInformation"]["LimitFlags"] |= win32job.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
    win32job.SetInformationJobObject(job, win32job.JobObjectExtendedLimitInformation, limits)
    return job
