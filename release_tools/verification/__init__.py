"""Stage 5: prove that what was packaged works.

Every check looks at the archive, unpacked into an empty folder; never at the file that the freeze left behind.
`CHECKS` is the whole verification, in order.
"""

import time
from collections.abc import Callable
from typing import Final

from release_tools.platforms import host_platform
from release_tools.verification import (
    archive,
    children,
    executable,
    floors,
    help_texts,
    import_audit,
    leaks,
    life_cycle,
    namespaces,
    native_members,
    parity,
    places,
    running,
    signatures,
    sizes,
    source_trace,
    suite,
    system_data,
    twin,
    workers,
)
from release_tools.verification.check import Check, CheckFailedError, CheckResult, CheckSkippedError, Subject

__all__ = ["CHECKS", "Check", "CheckResult", "Subject", "verify"]

CHECKS: Final[tuple[Check, ...]] = (
    # By the bytes of the archive and of every member inside the executable, on any machine.
    Check(name="archive members", needs="archive", run=archive.check_members),
    Check(name="archive size", needs="archive", run=archive.check_size),
    Check(name="machine", needs="archive", run=executable.check_machine),
    Check(name="machine of members", needs="archive", run=native_members.check_member_machines),
    Check(name="glibc floor", needs="archive", run=floors.check_glibc_floor),
    Check(name="macOS minimum", needs="archive", run=floors.check_macos_minimum),
    Check(name="needed libraries", needs="archive", run=native_members.check_needed_libraries),
    Check(name="executable stacks", needs="archive", run=native_members.check_executable_stacks),
    Check(name="segment alignment", needs="archive", run=native_members.check_segment_alignment),
    Check(name="run paths", needs="archive", run=native_members.check_run_paths),
    Check(name="packed members", needs="archive", run=native_members.check_packing),
    Check(name="code signatures", needs="archive", run=signatures.check_signatures),
    Check(name="worker processes", needs="archive", run=workers.check_worker_processes),
    Check(name="leaks", needs="archive", run=leaks.check_leaks),
    Check(name="size by distribution", needs="build", run=sizes.check_sizes),
    Check(name="own files", needs="build", run=namespaces.check_own_files),
    Check(name="namespace packages", needs="build", run=namespaces.check_namespace_packages),
    # By starting it.
    Check(name="codesign", needs="host", run=signatures.check_codesign),
    Check(name="version", needs="host", run=running.check_version),
    Check(name="smoke commands", needs="host", run=running.check_smoke_commands),
    Check(name="unknown option", needs="host", run=running.check_unknown_option),
    Check(name="start-up", needs="host", run=running.check_start_up),
    Check(name="unusual places", needs="host", run=places.check_places),
    Check(name="help texts", needs="build", run=help_texts.check_help_texts),
    # By asking its twin, which runs our scripts inside the same bundle.
    Check(name="probe twin", needs="build", run=twin.check_equality),
    Check(name="import audit", needs="build", run=import_audit.check_imports),
    Check(name="parity", needs="build", run=parity.check_parity),
    Check(name="time zones", needs="build", run=system_data.check_time_zones),
    Check(name="authorities", needs="build", run=system_data.check_authorities),
    Check(name="child environment", needs="build", run=children.check_child_environment),
    Check(name="worker starts", needs="build", run=children.check_workers),
    Check(name="nested starts", needs="build", run=children.check_nested_starts),
    Check(name="exit codes", needs="build", run=life_cycle.check_exit_codes),
    Check(name="signals", needs="build", run=life_cycle.check_signals),
    Check(name="orphans", needs="build", run=life_cycle.check_orphans),
    # By the project's own tests.
    Check(name="black-box tests", needs="host", run=suite.check_suite),
    Check(name="source trace", needs="build", run=source_trace.check_source_trace),
    # Last: it looks at what all the starts before it left behind.
    Check(name="temporary files", needs="host", run=running.check_temporary_files),
)


def verify(
    subject: Subject, *, keep_going: bool, on_check: Callable[[str], None], checks: tuple[Check, ...] = CHECKS
) -> tuple[CheckResult, ...]:
    """Run the checks in order, up to the first that fails unless `keep_going`. Announces each by its name."""
    results = []
    for check in checks:
        on_check(check.name)
        results.append(_run(check, subject))
        if results[-1].is_failed and not keep_going:
            break
    return tuple(results)


def _run(check: Check, subject: Subject) -> CheckResult:
    started = time.monotonic()
    try:
        _require(check, subject)
        result = CheckResult(name=check.name, verdict="passed", figure=check.run(subject))
    except CheckSkippedError as skipped:
        result = CheckResult(name=check.name, verdict="skipped", figure=str(skipped))
    except CheckFailedError as failure:
        result = CheckResult(name=check.name, verdict="failed", figure=failure.what, hint=failure.hint)
    return result.taking(time.monotonic() - started)


def _require(check: Check, subject: Subject) -> None:
    if check.needs == "build" and subject.source_python is None:
        raise CheckSkippedError("needs the build itself; made when the archive was built")
    if check.needs != "archive" and subject.platform != host_platform():
        raise CheckSkippedError(f"this machine is {host_platform().name}, which cannot start it")
