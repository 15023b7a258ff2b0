"""The project's own black-box tests, run on the executable instead of the source."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from release_tools.bootstrap.environment import ISOLATED
from release_tools.processes.run import changed_environment, started_with_log
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.static.secret_patterns import secret_variables
from release_tools.verification.suite.pytest_run import FinishedSuite, RunningSuite
from release_tools.verification.timeouts import scaled_timeout, slowness

SUITE_TIMEOUT_SECONDS: Final = 1800.0
# Tells the tests by what to multiply their own limits: 1.0 on an ordinary machine.
SLOWNESS_VARIABLE: Final = "RELEASE_TOOLS_SLOWNESS"
# How much longer tests may take that get only what other work leaves of the processors.
_BACKGROUND_FACTOR: Final = 4


def check_suite(context: VerificationContext) -> str:
    """Every test of the suite passes with the executable; a suite in which no test ran has not passed.

    That the tests start what the variable names, and not the source, is shown by the source trace: it runs them with
    another program under the same name, and fails when they do not start that.
    """
    temporary = context.own_temporary_folder("tmp of tests")
    with running_suite(context, context.executable, context.scratch / "suite", temporary=temporary) as suite:
        ended = suite.finish()
    require_success(context, ended, context.executable, "the black-box tests fail on the binary")
    # Pytest is content when all tests were skipped.
    if not ended.summary:
        raise CheckFailedError("no test of the suite ran on the binary", "see why its tests are skipped: pytest -rs")
    return ended.summary


@contextmanager
def running_suite(
    context: VerificationContext,
    program: Path,
    folder: Path,
    *,
    changes: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    temporary: Path | None = None,
    in_background: bool = False,
) -> Iterator[RunningSuite]:
    """Start the suite on `program`, with its log in `folder`; what is left of it is ended with the block.

    The folders that the tests are given are in `temporary`, or else in `folder` as well. A suite that gives way leaves
    the processors to what else the build does.

    Variables that hold secrets are kept from it. Raises `CheckSkippedError` when the project declares no suite.
    """
    settings = context.settings
    if settings.test_suite is None or settings.test_binary_variable is None or context.suite_python is None:
        raise CheckSkippedError("no test-suite is set")
    folder.mkdir(parents=True, exist_ok=True)
    # What is tested may come from elsewhere, and the tests hand their environment on to it.
    kept_back = dict.fromkeys(secret_variables(os.environ))
    factor = slowness() * (_BACKGROUND_FACTOR if in_background else 1)
    told = {settings.test_binary_variable: str(program), SLOWNESS_VARIABLE: f"{factor:.1f}", "PYTHONUTF8": "1"}
    command = [str(context.suite_python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *arguments]
    log = folder / "pytest.log"
    with started_with_log(
        [
            *command,
            f"--basetemp={temporary or folder / 'temporary'}",
            *settings.test_arguments,
            str(settings.test_suite),
        ],
        cwd=settings.root,
        environment=changed_environment({**kept_back, **ISOLATED, **told, **(changes or {})}),
        timeout_seconds=scaled_timeout(SUITE_TIMEOUT_SECONDS),
        log=log,
        in_background=in_background,
    ) as running:
        yield RunningSuite(program=running, log=log)


def require_success(context: VerificationContext, ended: FinishedSuite, program: Path, what: str) -> None:
    """Raises `CheckFailedError` with the end of pytest's output when a test failed or none was found."""
    if ended.code != 0 and context.settings.test_suite is not None:
        relative = context.settings.test_suite.relative_to(context.settings.root)
        raise CheckFailedError(
            f"{what}:\n" + "\n".join(ended.output.strip().splitlines()[-40:]),
            f"run them on it: {context.settings.test_binary_variable}={program} pytest {relative}",
        )
