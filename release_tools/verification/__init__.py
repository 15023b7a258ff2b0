"""Stage 5: prove that what was packaged works.

Every check looks at the archive, unpacked into an empty folder; never at the file that the freeze left behind.
`CHECKS` is the whole verification, in order; neighbours that leave each other alone run side by side.
"""

import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

from release_tools.errors import ReleaseError
from release_tools.platforms import host_platform
from release_tools.verification import (
    archive,
    bundled_version,
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
    path_lengths,
    places,
    running,
    signatures,
    sizes,
    source_trace,
    suite,
    system_data,
    twin,
    unlocked,
    version_resource,
    workers,
)
from release_tools.verification.check import Check, CheckResult, CheckSkippedError, Measurement, Subject
from release_tools.verification.memory_folder import temporary_root
from release_tools.verification.wine import start_desktop

__all__ = ["CHECKS", "START_UP", "Check", "CheckResult", "Subject", "verify"]

# The check whose number is the start-up time of a build's record.
START_UP: Final = "start-up"

CHECKS: Final[tuple[Check, ...]] = (
    # By the bytes of the archive and of every member inside the executable, on any machine.
    Check(name="archive members", needs="archive", run=archive.check_members),
    Check(name="archive size", needs="archive", run=archive.check_size),
    Check(name="machine", needs="archive", run=executable.check_machine),
    Check(name="bundled version", needs="archive", run=bundled_version.check_bundled_version),
    Check(name="version resource", needs="archive", run=version_resource.check_version_resource),
    Check(name="machine of members", needs="archive", run=native_members.check_member_machines),
    Check(name="glibc floor", needs="archive", run=floors.check_glibc_floor),
    Check(name="macOS minimum", needs="archive", run=floors.check_macos_minimum),
    Check(name="needed libraries", needs="archive", run=native_members.check_needed_libraries),
    Check(name="executable stacks", needs="archive", run=native_members.check_executable_stacks),
    Check(name="segment alignment", needs="archive", run=native_members.check_segment_alignment),
    Check(name="run paths", needs="archive", run=native_members.check_run_paths),
    Check(name="path lengths", needs="archive", run=path_lengths.check_path_lengths),
    Check(name="packed members", needs="archive", run=native_members.check_packing),
    Check(name="code signatures", needs="archive", run=signatures.check_signatures),
    Check(name="worker processes", needs="archive", run=workers.check_worker_processes),
    Check(name="leaks", needs="archive", run=leaks.check_leaks),
    Check(name="size by distribution", needs="build", run=sizes.check_sizes),
    Check(name="unlocked distributions", needs="build", run=unlocked.check_unlocked_distributions),
    Check(name="own files", needs="build", run=namespaces.check_own_files),
    Check(name="namespace packages", needs="build", run=namespaces.check_namespace_packages),
    # By starting it.
    Check(name="codesign", needs="host", run=signatures.check_codesign),
    Check(name="version", needs="host", run=running.check_version),
    Check(name="smoke commands", needs="host", run=running.check_smoke_commands),
    Check(name="unknown option", needs="host", run=running.check_unknown_option),
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
    # By the project's own tests; the trace was begun before the freeze.
    Check(name="source trace", needs="build", run=source_trace.check_source_trace),
    Check(name="black-box tests", needs="host", run=suite.check_suite, is_long=True),
    # Here, since all those before run side by side, and nothing is to take the processor from this one.
    Check(name=START_UP, needs="host", run=running.check_start_up, is_alone=True),
    # Last: it looks at what all the starts before it left behind.
    Check(name="temporary files", needs="host", run=running.check_temporary_files, is_alone=True),
)


_BROKEN_CHECK: Final = (
    "mend what it says of the machine, such as a full disk; if it says nothing of the kind, the file is damaged in a "
    "way that the check does not know, and must not be used"
)


def verify(
    subject: Subject, *, keep_going: bool, on_check: Callable[[str], None], checks: tuple[Check, ...] = CHECKS
) -> tuple[CheckResult, ...]:
    """Run the checks; the results are in their order, up to the first that failed unless `keep_going`.

    Announces each by its name when it starts.
    """
    start_desktop()
    with temporary_root(subject.executable, subject.scratch) as root:
        made = _make(replace(subject, temporary_root=root), checks, on_check, keep_going=keep_going)
    results = [made[position] for position in sorted(made)]
    return tuple(results if keep_going else _up_to_first_failure(results))


def _make(
    subject: Subject, checks: Sequence[Check], on_check: Callable[[str], None], *, keep_going: bool
) -> dict[int, CheckResult]:
    """The results by the positions of their checks."""
    made: dict[int, CheckResult] = {}

    def make(position: int) -> None:
        # What comes before a failure is still made: it may be the better explanation.
        if not keep_going and any(result.is_failed for earlier, result in tuple(made.items()) if earlier < position):
            return
        on_check(checks[position].name)
        made[position] = _run(checks[position], subject)

    # Nothing is started for long before the bytes are found right.
    for (_, is_alone), group in groupby(
        range(len(checks)), key=lambda position: (checks[position].needs == "archive", checks[position].is_alone)
    ):
        with ThreadPoolExecutor(1 if is_alone else os.process_cpu_count()) as pool:
            # To its end, so that what breaks in a thread comes up here.
            tuple(pool.map(make, sorted(group, key=lambda position: not checks[position].is_long)))
    return made


def _up_to_first_failure(results: Sequence[CheckResult]) -> Iterator[CheckResult]:
    for result in results:
        yield result
        if result.is_failed:
            return


def _run(check: Check, subject: Subject) -> CheckResult:
    started = time.monotonic()
    try:
        _require(check, subject)
        found = check.run(subject)
        figure, value = (found.figure, found.value) if isinstance(found, Measurement) else (found, None)
        result = CheckResult(name=check.name, verdict="passed", figure=figure, value=value)
    except CheckSkippedError as skipped:
        result = CheckResult(name=check.name, verdict="skipped", figure=str(skipped))
    except ReleaseError as failure:
        result = CheckResult(name=check.name, verdict="failed", figure=failure.what, hint=failure.hint)
    except Exception as error:  # noqa: BLE001 - what breaks a check has not passed it, and the others go on
        result = CheckResult(name=check.name, verdict="failed", figure=_described(error), hint=_BROKEN_CHECK)
    return result.taking(time.monotonic() - started)


def _described(error: Exception) -> str:
    """A failure that nobody foresaw, with the place in the source where it came up."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"the check itself broke: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"


def _require(check: Check, subject: Subject) -> None:
    if check.needs == "build" and subject.source_python is None:
        raise CheckSkippedError("needs the build itself; made when the archive was built")
    if check.needs != "archive" and subject.platform != host_platform():
        raise CheckSkippedError(f"this machine is {host_platform().name}, which cannot start it")
