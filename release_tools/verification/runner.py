"""Runs checks: adjacent independent ones concurrently, and none after the first failure."""

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
from release_tools.reporting.records import CheckResult
from release_tools.verification.check import Check, CheckSkippedError, Measurement, VerificationContext
from release_tools.verification.checks import CHECKS
from release_tools.verification.starts.memory_folder import temporary_root
from release_tools.verification.wine import start_desktop

_BROKEN_CHECK: Final = (
    "mend what it says of the machine, such as a full disk; if it says nothing of the kind, the file is damaged in a "
    "way that the check does not know, and must not be used"
)


def verify(
    context: VerificationContext,
    *,
    keep_going: bool,
    on_check: Callable[[str], None],
    checks: tuple[Check, ...] = CHECKS,
) -> tuple[CheckResult, ...]:
    """Run the checks; the results are in their order, up to the first that failed unless `keep_going`.

    Announces each by its name when it starts.
    """
    start_desktop()
    with temporary_root(context.executable, context.scratch) as root:
        made = _make(replace(context, temporary_root=root), checks, on_check, keep_going=keep_going)
    results = [made[position] for position in sorted(made)]
    return tuple(results if keep_going else _up_to_first_failure(results))


def _make(
    context: VerificationContext, checks: Sequence[Check], on_check: Callable[[str], None], *, keep_going: bool
) -> dict[int, CheckResult]:
    """The results by the positions of their checks."""
    made: dict[int, CheckResult] = {}

    def make(position: int) -> None:
        # What comes before a failure is still made: it may be the better explanation.
        if not keep_going and any(result.is_failed for earlier, result in tuple(made.items()) if earlier < position):
            return
        on_check(checks[position].name)
        made[position] = _run(checks[position], context)

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


def _run(check: Check, context: VerificationContext) -> CheckResult:
    started = time.monotonic()
    try:
        _require(check, context)
        found = check.run(context)
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


def _require(check: Check, context: VerificationContext) -> None:
    if check.needs == "build" and context.source_python is None:
        raise CheckSkippedError("needs the build itself; made when the archive was built")
    if check.needs != "archive" and context.platform != host_platform():
        raise CheckSkippedError(f"this machine is {host_platform().name}, which cannot start it")
