"""The project's own black-box tests, run on the executable instead of the source."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from release_tools.commands import Finished, changed_environment, observe
from release_tools.environment import ISOLATED
from release_tools.errors import CommandFailedError
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Subject

SUITE_TIMEOUT_SECONDS: Final = 1800.0


def check_suite(subject: Subject) -> str:
    """Every test of the suite passes with the executable; a suite in which no test ran has not passed.

    That the tests start what the variable names, and not the source, is shown by the source trace: it runs them with
    another program under the same name, and fails when they do not start that.
    """
    finished = run_suite(subject, subject.executable, subject.scratch / "suite")
    require_success(subject, finished, subject.executable, "the black-box tests fail on the binary")
    # Pytest's own count, such as `31 passed in 24.10s`; pytest is content when all tests were skipped.
    count = re.search(r"[1-9]\d* passed.*", last_line(finished))
    if count is None:
        raise CheckFailedError("no test of the suite ran on the binary", "see why its tests are skipped: pytest -rs")
    return count[0].strip("= ")


def run_suite(
    subject: Subject,
    program: Path,
    temporary: Path,
    *,
    changes: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> Finished:
    """Run the suite on `program`, with pytest's files in `temporary`.

    Raises `CheckSkippedError` when the project declares no suite, `CheckFailedError` when it does not end.
    """
    settings = subject.settings
    if settings.test_suite is None or settings.test_binary_variable is None or subject.suite_python is None:
        raise CheckSkippedError("no test-suite is set")
    temporary.mkdir(parents=True, exist_ok=True)
    told = {settings.test_binary_variable: str(program), "PYTHONUTF8": "1", **(changes or {})}
    command = [str(subject.suite_python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *arguments]
    try:
        return observe(
            [*command, f"--basetemp={temporary}", *settings.test_arguments, str(settings.test_suite)],
            cwd=settings.root,
            environment=changed_environment({**ISOLATED, **told}),
            timeout_seconds=SUITE_TIMEOUT_SECONDS,
        )
    except CommandFailedError as error:
        raise CheckFailedError(error.what, "find the test that hangs; every start in it needs a timeout") from None


def require_success(subject: Subject, finished: Finished, program: Path, what: str) -> None:
    """Raises `CheckFailedError` with the end of pytest's output when a test failed or none was found."""
    if finished.code != 0 and subject.settings.test_suite is not None:
        relative = subject.settings.test_suite.relative_to(subject.settings.root)
        raise CheckFailedError(
            f"{what}:\n" + "\n".join(finished.output.strip().splitlines()[-40:]),
            f"run them on it: {subject.settings.test_binary_variable}={program} pytest {relative}",
        )


def last_line(finished: Finished) -> str:
    """Pytest's summary."""
    return (finished.stdout.strip().splitlines() or [""])[-1]
