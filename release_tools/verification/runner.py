"""Run the phases of a verification and turn what each check raises into a result."""

import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from release_tools.errors import ReleaseError
from release_tools.platforms import host_platform
from release_tools.reporting.records import CheckResult
from release_tools.verification.check import Check, CheckSkippedError, Measurement, Phase, VerificationContext
from release_tools.verification.checks import PHASES
from release_tools.verification.starts.memory_folder import temporary_root

_CRASH_HINT: Final = (
    "if the message names a problem of this machine, such as a full disk, fix it and run the command again; otherwise "
    "the archive is damaged: don't use it"
)


def verify(
    context: VerificationContext,
    *,
    keep_going: bool,
    on_check: Callable[[str], None],
    phases: Sequence[Phase] = PHASES,
) -> tuple[CheckResult, ...]:
    """Run the checks and return their results in order, up to the first failure unless `keep_going`.

    `on_check` is called with the name of each check that starts.
    """
    results: list[CheckResult] = []
    with temporary_root(context.executable, context.scratch) as root:
        for phase in phases:
            results += _run_phase(replace(context, temporary_root=root), phase, on_check, keep_going=keep_going)
            if not keep_going and any(result.is_failed for result in results):
                break
    return tuple(results if keep_going else _up_to_first_failure(results))


def _run_phase(
    context: VerificationContext, phase: Phase, on_check: Callable[[str], None], *, keep_going: bool
) -> list[CheckResult]:
    finished: dict[int, CheckResult] = {}

    def run_at(position: int) -> None:
        # A check ahead of a failed one still runs: it may explain the failure better.
        if not keep_going and any(finished[other].is_failed for other in tuple(finished) if other < position):
            return
        check = phase.checks[position]
        on_check(check.name)
        finished[position] = _run(check, context)

    positions = sorted(range(len(phase.checks)), key=lambda position: not phase.checks[position].is_long)
    with ThreadPoolExecutor(os.process_cpu_count() if phase.is_concurrent else 1) as pool:
        # Reading every result raises an exception of a thread here.
        tuple(pool.map(run_at, positions))
    return [finished[position] for position in sorted(finished)]


def _up_to_first_failure(results: Sequence[CheckResult]) -> Iterator[CheckResult]:
    for result in results:
        yield result
        if result.is_failed:
            return


def _run(check: Check, context: VerificationContext) -> CheckResult:
    started = time.monotonic()
    try:
        _require(check, context)
        found = check.run(replace(context, check=check.name))
        figure, value = (found.figure, found.value) if isinstance(found, Measurement) else (found, None)
        result = CheckResult(name=check.name, verdict="passed", figure=figure, value=value)
    except CheckSkippedError as skipped:
        result = CheckResult(name=check.name, verdict="skipped", figure=str(skipped))
    except ReleaseError as failure:
        result = CheckResult(name=check.name, verdict="failed", figure=failure.what, hint=failure.hint)
    except Exception as error:  # noqa: BLE001 - a check that crashes has failed, and the others continue
        result = CheckResult(name=check.name, verdict="failed", figure=_describe_crash(error), hint=_CRASH_HINT)
    return result.taking(time.monotonic() - started)


def _describe_crash(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"the check itself crashed: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"


def _require(check: Check, context: VerificationContext) -> None:
    """Raise `CheckSkippedError` if the check can't run on this archive or this machine."""
    if check.needs == "build":
        _ = context.build
    if check.needs != "archive" and context.platform != host_platform():
        raise CheckSkippedError(f"this machine is {host_platform().name}, which can't start it")
