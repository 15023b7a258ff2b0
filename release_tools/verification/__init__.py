"""Stage 5: prove that what was packaged works.

Every check looks at the archive, unpacked into an empty folder; never at the file that the freeze left behind.
`CHECKS` is the whole verification, in order.
"""

import time
from collections.abc import Callable
from typing import Final

from release_tools.verification import archive, executable, running, suite
from release_tools.verification.check import Check, CheckFailedError, CheckResult, CheckSkippedError, Subject

__all__ = ["CHECKS", "Check", "CheckResult", "Subject", "verify"]

CHECKS: Final[tuple[Check, ...]] = (
    Check(name="archive members", run=archive.check_members),
    Check(name="archive size", run=archive.check_size),
    Check(name="machine", run=executable.check_machine),
    Check(name="version", run=running.check_version),
    Check(name="smoke commands", run=running.check_smoke_commands),
    Check(name="start-up", run=running.check_start_up),
    Check(name="black-box tests", run=suite.check_suite),
    # Last: it looks at what all the starts before it left behind.
    Check(name="temporary files", run=running.check_temporary_files),
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
        result = CheckResult(name=check.name, verdict="passed", figure=check.run(subject))
    except CheckSkippedError as skipped:
        result = CheckResult(name=check.name, verdict="skipped", figure=str(skipped))
    except CheckFailedError as failure:
        result = CheckResult(name=check.name, verdict="failed", figure=failure.what, hint=failure.hint)
    return result.taking(time.monotonic() - started)
