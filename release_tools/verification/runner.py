"""Run the phases of a verification and turn what each check raises into a result."""

import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from release_tools.errors import ReleaseError, escape_control_chars
from release_tools.findings import Finding, lines_of, listed, subject_of
from release_tools.platforms import host_platform
from release_tools.reporting.records import CheckResult
from release_tools.verification.check import (
    Check,
    CheckFailedError,
    CheckSkippedError,
    Passed,
    Phase,
    VerificationContext,
    allowance_notes,
)
from release_tools.verification.checks import PHASES
from release_tools.verification.starts.memory_folder import temporary_root
from release_tools.verification.static.sizes import find_owners

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
    context = replace(context, check=check.name, allowed={})
    try:
        _require(check, context)
        found = check.run(context)
        passed = found if isinstance(found, Passed) else Passed(figure=found)
        result = CheckResult(
            name=check.name, verdict="passed", figure=passed.figure, value=passed.value, notes=passed.notes
        )
    except CheckSkippedError as skipped:
        result = CheckResult(name=check.name, verdict="skipped", figure=str(skipped))
    except CheckFailedError as failure:
        result = _judge(check, context, failure)
    except ReleaseError as failure:
        result = _judge(check, context, CheckFailedError(failure.what, failure.hint, is_final=context.evidence is None))
    except Exception as error:  # noqa: BLE001 - a check that crashes has failed, and the others continue
        what = _describe_crash(error)
        result = _judge(check, context, CheckFailedError(what, _CRASH_HINT, is_final=context.evidence is None))
    if result.verdict != "skipped":
        notes = allowance_notes(context.settings, check.name, context.allowed)
        result = replace(result, notes=(*result.notes, *notes))
    return result.taking(time.monotonic() - started)


def _judge(check: Check, context: VerificationContext, failure: CheckFailedError) -> CheckResult:
    """The result of a check that raised: failed, or passed if the settings allow everything that it found."""
    is_final = failure.is_final or (check.is_identity and context.evidence is None)
    remaining = {
        name: detail for name, detail in failure.details.items() if is_final or not context.is_allowed(name, detail)
    }
    if not remaining:
        return CheckResult(name=check.name, verdict="passed", figure="what it found is allowed")
    owners = _owners(context)
    findings = tuple(
        Finding(text=context.stable(name), detail=detail, owner=owners(name)) for name, detail in remaining.items()
    )
    figure = f"{failure.headline}:{listed(lines_of(findings))}" if failure.is_listed else failure.headline
    return CheckResult(
        name=check.name,
        verdict="failed",
        figure=escape_control_chars(f"{figure}\n{failure.output}" if failure.output else figure),
        hint=failure.hint,
        findings=() if is_final else findings,
        cure=failure.cure,
    )


def _owners(context: VerificationContext) -> Callable[[str], str]:
    """A function that returns the distribution of the module or file that a finding names; "" if it is unknown."""
    if context.evidence is None:
        return lambda _: ""
    installed = context.evidence.installed
    owners = find_owners(installed.distributions)

    def owner_of(finding: str) -> str:
        name = owners.find(subject_of(context.stable(finding)))
        return installed.require(name).label if name else ""

    return owner_of


def _describe_crash(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"the check itself crashed: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"


def _require(check: Check, context: VerificationContext) -> None:
    """Raise `CheckSkippedError` if the check can't run on this archive or this machine."""
    if check.needs == "build":
        _ = context.build
    if check.needs != "archive" and context.platform != host_platform():
        raise CheckSkippedError(f"this machine is {host_platform().name}, which can't start it")
