"""The project's own black-box tests, run on the executable instead of the source."""

import re
from typing import Final

from release_tools.commands import changed_environment, observe
from release_tools.environment import ISOLATED
from release_tools.errors import CommandFailedError
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Subject

SUITE_TIMEOUT_SECONDS: Final = 1800.0


def check_suite(subject: Subject) -> str:
    """Every test of the suite passes with the executable; a suite in which no test ran has not passed."""
    settings = subject.settings
    if settings.test_suite is None or settings.test_binary_variable is None or subject.suite_python is None:
        raise CheckSkippedError("no test-suite is set")
    temporary = subject.scratch / "suite"
    temporary.mkdir(parents=True, exist_ok=True)
    changes = {**ISOLATED, settings.test_binary_variable: str(subject.executable), "PYTHONUTF8": "1"}
    command = [str(subject.suite_python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"]
    try:
        finished = observe(
            [*command, f"--basetemp={temporary}", *settings.test_arguments, str(settings.test_suite)],
            cwd=settings.root,
            environment=changed_environment(changes),
            timeout_seconds=SUITE_TIMEOUT_SECONDS,
        )
    except CommandFailedError as error:
        raise CheckFailedError(error.what, "find the test that hangs; every start in it needs a timeout") from None
    if finished.code != 0:
        relative = settings.test_suite.relative_to(settings.root)
        raise CheckFailedError(
            "the black-box tests fail on the binary:\n" + "\n".join(finished.output.strip().splitlines()[-40:]),
            f"run them on it: {settings.test_binary_variable}={subject.executable} pytest {relative}",
        )
    # Pytest's own count, such as `31 passed in 24.10s`; pytest is content when all tests were skipped.
    count = re.search(r"[1-9]\d* passed.*", finished.stdout.strip().splitlines()[-1])
    if count is None:
        raise CheckFailedError("no test of the suite ran on the binary", "see why its tests are skipped: pytest -rs")
    return count[0].strip("= ")
