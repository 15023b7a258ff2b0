"""Jobs, by which Windows knows a process together with all that it starts. There are none elsewhere.

A job holds its members' children, whoever is left of their parents, and Windows ends all of them when the last handle
of the job is closed: also when this program is killed and can do nothing more.
"""

import ctypes
import sys
from typing import Any, Final

import win32api
import win32job

assert sys.platform == "win32"  # noqa: S101 - for the type checker too, which leaves it to Windows then

# From winbase.h of the Windows SDK: the process does nothing before it is in its job.
CREATE_SUSPENDED: Final = 0x4

# By the id of the process that was started; its job stays until this program ends.
_jobs: dict[int, Any] = {}  # Any: a handle of pywin32


def kill_children_on_exit() -> None:
    """From now on, everything that is started here ends when this program does, in whatever way."""
    job = _create_job()
    win32job.AssignProcessToJobObject(job, win32api.GetCurrentProcess())
    # Nothing but the end of this process may close the handle: this process is in the job as well.
    job.Detach()


def resume_in_job(process: Any) -> None:  # Any: a Popen, which has its handle on Windows only
    """Put a process that was started suspended into a job of its own, and let it run."""
    handle = int(process._handle)  # noqa: SLF001 - its only way to the handle
    _jobs[process.pid] = _create_job()
    win32job.AssignProcessToJobObject(_jobs[process.pid], handle)
    ctypes.WinDLL("ntdll").NtResumeProcess(ctypes.c_void_p(handle))


def kill_job(process_id: int) -> None:
    """Kill what is left of a process and of all that it started."""
    if process_id in _jobs:
        win32job.TerminateJobObject(_jobs[process_id], 1)


def is_job_alive(process_id: int) -> bool:
    """Tell whether anything is left in the job of this process."""
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
