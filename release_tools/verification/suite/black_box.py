"""Run the project's black-box tests on the executable instead of the source."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from release_tools.bootstrap.environment import ISOLATED, without_environments
from release_tools.processes.run import EnvironmentChanges, changed_environment, started_with_log
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.starts.memory_folder import folder_outside
from release_tools.verification.starts.running import home_variables
from release_tools.verification.static.secret_patterns import secret_variables
from release_tools.verification.suite.pytest_run import FinishedSuite, RunningSuite
from release_tools.verification.timeouts import scaled_timeout, slowness

SUITE_TIMEOUT_SECONDS: Final = 1800.0
# Tests multiply their own timeouts by it: 1.0 on an ordinary machine.
SLOWNESS_VARIABLE: Final = "RELEASE_TOOLS_SLOWNESS"
# Like `python -m pytest` in the project's root, which its settings and the paths in its arguments refer to. Then the
# tests run in another folder, and so do the workers of pytest-xdist: they start later, with these arguments.
_PYTEST: Final = """\
import os, sys
sys.path[0] = os.getcwd()
import pytest
class Elsewhere:
    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        given, settings = config.invocation_params, config.inipath
        place = ["--rootdir", str(config.rootpath), *(["-c", str(settings)] if settings else [])]
        config.invocation_params = config.InvocationParams(
            args=[*place, *given.args], plugins=given.plugins, dir=given.dir
        )
        os.chdir(sys.argv[1])
sys.exit(pytest.main(sys.argv[2:], plugins=[Elsewhere()]))
"""
# Tests that run in the background get this much more time.
_BACKGROUND_FACTOR: Final = 4


def check_suite(context: VerificationContext) -> str:
    """All tests of the suite pass on the executable, and at least one of them ran.

    The source trace proves that they start the executable named by the variable and nothing else.
    """
    temporary = context.own_temporary_folder("tmp of tests")
    with running_suite(context, context.executable, context.scratch / "suite", temporary=temporary) as suite:
        finished = suite.finish()
    require_success(context, finished, context.executable, "the black-box tests fail on the binary")
    # Pytest exits with 0 when all tests were skipped.
    if not finished.summary:
        raise CheckFailedError("no test of the suite ran on the binary", "see why they're skipped: pytest -rs")
    return finished.summary


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
    """Start the suite on `program`, with its log in `folder`; leaving the block ends it.

    Pytest's temporary folders are in `temporary` if it's outside the project. A suite `in_background` has low priority.
    The suite doesn't get the variables that hold secrets, because it may pass them on to an untrusted program. It runs
    with an empty home and working directory outside the project, and without the programs of active environments,
    because users don't have them.

    Raises `CheckSkippedError` when the project has no suite.
    """
    settings = context.settings
    if settings.test_suite is None or settings.test_binary_variable is None or context.suite_python is None:
        raise CheckSkippedError("no test-suite is set")
    folder.mkdir(parents=True, exist_ok=True)
    secrets = dict.fromkeys(secret_variables(os.environ))
    factor = slowness() * (_BACKGROUND_FACTOR if in_background else 1)
    added = {
        settings.test_binary_variable: str(program),
        SLOWNESS_VARIABLE: f"{factor:.1f}",
        "PYTHONUTF8": "1",
        "PATH": without_environments(os.environ.get("PATH", os.defpath)),
    }
    log = folder / "pytest.log"
    with folder_outside() as outside:
        home = home_variables(context, outside / "home")
        cwd = outside / "work"
        cwd.mkdir()
        is_outside = temporary is not None and not temporary.is_relative_to(settings.root)
        with started_with_log(
            [
                *(str(context.suite_python), "-c", _PYTEST, str(cwd), "-q", "-p", "no:cacheprovider", "--color=no"),
                *arguments,
                f"--basetemp={temporary if is_outside else outside / 'tests'}",
                *settings.test_arguments,
                str(settings.test_suite),
            ],
            cwd=settings.root,
            environment=changed_environment(
                {**secrets, **ISOLATED, **without_user_folders(os.environ), **home, **added, **(changes or {})}
            ),
            timeout_seconds=scaled_timeout(SUITE_TIMEOUT_SECONDS),
            log=log,
            in_background=in_background,
        ) as running:
            yield RunningSuite(program=running, log=log)


def without_user_folders(environment: Iterable[str]) -> EnvironmentChanges:
    """Changes that remove the variables that name folders of the user who builds."""
    return dict.fromkeys(name for name in environment if name.startswith("XDG_") or name in {"PWD", "OLDPWD"})


def require_success(context: VerificationContext, finished: FinishedSuite, program: Path, what: str) -> None:
    """Raise `CheckFailedError` with the end of pytest's output when a test failed or none was found."""
    if finished.code != 0 and context.settings.test_suite is not None:
        relative = context.settings.test_suite.relative_to(context.settings.root)
        raise CheckFailedError(
            what,
            f"reproduce it: {context.settings.test_binary_variable}={program} pytest {relative}; a build runs it in an "
            "empty folder outside the project, with an empty home: tests find their own files with Path(__file__)",
            finished.failed,
            output="\n".join(finished.output.strip().splitlines()[-40:]),
        )
