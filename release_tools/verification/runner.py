"""Run the phases of a verification and turn what each check raises into a result."""

import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from release_tools.errors import ReleaseError, escape_control_chars
from release_tools.findings import Finding, lines_of, listed
from release_tools.platforms import host_platform
from release_tools.reporting.records import CheckResult
from release_tools.verification.check import (
    Assumption,
    Check,
    CheckFailedError,
    CheckSkippedError,
    Passed,
    Phase,
    VerificationContext,
    allowance_notes,
)
from release_tools.verification.checks import PHASES
from release_tools.verification.owners import cure_for_missing, owner_finder
from release_tools.verification.starts.memory_folder import folder_outside, temporary_root

_DISPROVED: Final = {
    Assumption.PYTHON_STARTS: "nothing in the bundle starts",
    Assumption.PROGRAM_STARTS: "the program doesn't start",
    Assumption.VERSION_IS_PRINTED: "--version fails",
}
_CRASH_HINT: Final = (
    "if the message names a problem of this machine, such as a full disk, fix it and run the command again; otherwise "
    "the archive is damaged: don't use it"
)


@dataclass(frozen=True, kw_only=True)
class _Finished:
    """The result of a check, and the first assumption that it disproved."""

    result: CheckResult
    disproves: Assumption | None = None


def verify(
    context: VerificationContext,
    *,
    fail_fast: bool,
    on_check: Callable[[str], None],
    phases: Sequence[Phase] = PHASES,
) -> tuple[CheckResult, ...]:
    """Run the checks and return their results in order; with `fail_fast`, up to the first failure.

    Once a start has failed, the checks that would fail for the same reason are skipped. `on_check` is called with the
    name of each check that starts.
    """
    results: list[CheckResult] = []
    with temporary_root(context.executable, context.scratch) as root, folder_outside() as outside:
        context = replace(context, temporary_root=root, outside=outside)
        for phase in phases:
            finished = _run_phase(context, phase, on_check, fail_fast=fail_fast)
            results += [one.result for one in finished]
            if fail_fast and any(one.result.is_failed for one in finished):
                break
            disproved = [one.disproves for one in finished if one.disproves is not None]
            context = replace(context, disproved=min(disproved, default=context.disproved))
    return tuple(_up_to_first_failure(results) if fail_fast else results)


def _run_phase(
    context: VerificationContext, phase: Phase, on_check: Callable[[str], None], *, fail_fast: bool
) -> list[_Finished]:
    finished: dict[int, _Finished] = {}

    def run_at(position: int) -> None:
        # A check ahead of a failed one still runs: the first failure in this order is reported.
        if fail_fast and any(finished[other].result.is_failed for other in tuple(finished) if other < position):
            return
        check = phase.checks[position]
        on_check(check.name)
        finished[position] = _run(check, context)

    positions = range(len(phase.checks))
    long = [position for position in positions if phase.checks[position].is_long]
    short = [position for position in positions if position not in long]
    with ThreadPoolExecutor(os.process_cpu_count() if phase.is_concurrent else 1) as pool:
        # The failure of a short check may make a long one needless.
        for together in (short, long) if fail_fast else ([*long, *short],):
            # Reading every result raises an exception of a thread here.
            tuple(pool.map(run_at, together))
            if fail_fast and any(one.result.is_failed for one in finished.values()):
                break
    return [finished[position] for position in sorted(finished)]


def _up_to_first_failure(results: Sequence[CheckResult]) -> Iterator[CheckResult]:
    for result in results:
        yield result
        if result.is_failed:
            return


def _run(check: Check, context: VerificationContext) -> _Finished:
    started = time.monotonic()
    context = replace(context, check=check.name, allowed={})
    finished = _judge(check, context)
    result = finished.result
    if result.verdict != "skipped":
        result = replace(result, notes=(*result.notes, *allowance_notes(context.settings, check.name, context.allowed)))
    return replace(finished, result=result.taking(time.monotonic() - started))


def _judge(check: Check, context: VerificationContext) -> _Finished:
    try:
        _require(check, context)
        found = check.run(context)
    except CheckSkippedError as skipped:
        return _Finished(result=CheckResult(name=check.name, verdict="skipped", figure=str(skipped)))
    except CheckFailedError as error:
        failure = error
    except ReleaseError as error:
        failure = CheckFailedError(error.what, error.hint, is_final=context.evidence is None)
    except Exception as error:  # noqa: BLE001 - a check that crashes has failed, and the others continue
        failure = CheckFailedError(_describe_crash(error), _CRASH_HINT, is_final=context.evidence is None)
    else:
        passed = found if isinstance(found, Passed) else Passed(figure=found)
        return _Finished(
            result=CheckResult(
                name=check.name, verdict="passed", figure=passed.figure, value=passed.value, notes=passed.notes
            )
        )
    result = _refused(check, context, failure)
    # A check that assumes it only fails for another reason, such as its arguments.
    is_disproved = result.is_failed and failure.disproves is not None and check.assumes < failure.disproves
    return _Finished(result=result, disproves=failure.disproves if is_disproved else None)


def _refused(check: Check, context: VerificationContext, failure: CheckFailedError) -> CheckResult:
    """The result of a check that raised: failed, or passed if the settings allow everything that it found."""
    is_final = failure.is_final or (check.is_identity and context.evidence is None)
    remaining = {
        name: detail for name, detail in failure.details.items() if is_final or not context.is_allowed(name, detail)
    }
    if not remaining:
        return CheckResult(name=check.name, verdict="passed", figure="what it found is allowed")
    find_owner = owner_finder(context)
    findings = tuple(
        Finding(
            text=context.stable(name),
            detail="\n".join(map(context.stable, detail.splitlines())),
            owner=_label(context, find_owner(name)),
        )
        for name, detail in remaining.items()
    )
    figure = f"{failure.headline}:{listed(lines_of(findings))}" if failure.is_listed else failure.headline
    return CheckResult(
        name=check.name,
        verdict="failed",
        figure=escape_control_chars(f"{figure}\n{failure.output}" if failure.output else figure),
        hint=failure.hint,
        findings=() if is_final else findings,
        cure=failure.cure
        if failure.cure is not None
        else cure_for_missing(context, [figure, failure.output, *(found.line for found in findings)]),
    )


def _label(context: VerificationContext, owner: str) -> str:
    return context.build.installed.require(owner).label if owner else ""


def _describe_crash(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"the check itself crashed: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"


def _require(check: Check, context: VerificationContext) -> None:
    """Raise `CheckSkippedError` if the check can't run on this archive or this machine, or would only fail again."""
    if check.needs == "build":
        _ = context.build
    if check.needs != "archive" and context.platform != host_platform():
        raise CheckSkippedError(f"this machine is {host_platform().name}, which can't start it")
    if context.disproved is not None and check.assumes >= context.disproved:
        raise CheckSkippedError(f"{_DISPROVED[context.disproved]}: see the check `version`")
