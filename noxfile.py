"""Build, verify and check agent-runner. Plain `nox` runs the fast checks; `nox -s build` builds this machine's binary.

Every session creates its own environment from a lock; there's nothing to install or activate first.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox

ROOT = Path(__file__).parent
# Nox doesn't add this file's folder to the path.
sys.path.insert(0, str(ROOT))

from release_tools.bootstrap import sessions  # noqa: E402
from release_tools.bootstrap.environment import run_inside, source_environment, tool_environment  # noqa: E402
from release_tools.errors import ReleaseError, reporting_os_errors  # noqa: E402
from release_tools.platforms import PLATFORMS, Platform, host_platform  # noqa: E402

nox.needs_version = ">=2024.10.9"
# The sessions create their environments themselves: exactly the locked files, each checked by hash, and an error
# instead of Nox's skip if Python is missing.
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "typecheck", "tests"]


@contextmanager
def reporting_errors(session: nox.Session) -> Iterator[None]:
    """Fail the session with the text of a `ReleaseError` instead of a traceback."""
    try:
        with reporting_os_errors():
            yield
    except ReleaseError as error:
        if not error.is_reported:
            print(error, file=sys.stderr, flush=True)
        session.error(f"{session.name} failed")


def add_build_session(platform: Platform) -> None:
    @nox.session(name=f"build-{platform.name}", tags=["build"], default=False)
    def build_platform(session: nox.Session) -> None:
        with reporting_errors(session):
            sessions.build(ROOT, platform.name, session.posargs)

    build_platform.__doc__ = f"Build, verify and package the {platform.name} binary into dist/ (-- --version V)."


for row in PLATFORMS:
    add_build_session(row)


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build, verify and package this machine's binary into dist/ (-- --version V)."""
    with reporting_errors(session):
        sessions.build(ROOT, host_platform().name, session.posargs)


@nox.session(default=False)
def gates(session: nox.Session) -> None:
    """Check that apps broken on purpose fail verification; arguments after -- go to pytest."""
    with reporting_errors(session):
        python = source_environment(ROOT, "tests", ["main", "test"], with_tools=True, with_project=True)
        pytest_args = ["-m", "gates", "-n", "auto", "--dist", "loadgroup", *session.posargs]
        run_inside(ROOT, [str(python), "-m", "pytest", *pytest_args])


@nox.session(default=False)
def apps(session: nox.Session) -> None:
    """Build real applications with default settings, and compare their main jobs with the source."""
    with reporting_errors(session):
        python = source_environment(ROOT, "tests", ["main", "test"], with_tools=True, with_project=True)
        run_inside(ROOT, [str(python), "-m", "pytest", "-m", "apps", "-n", "auto", *session.posargs])


@nox.session(default=False)
def wheels(session: nox.Session) -> None:
    """Check that every locked package has a wheel for each of the five platforms."""
    with reporting_errors(session):
        python = tool_environment(ROOT, "wheels", ["build"])
        run_inside(ROOT, [str(python), "-m", "release_tools", "wheels"])


@nox.session(default=False)
def reproduce(session: nox.Session) -> None:
    """Build the checked-out commit in two folders, and compare the archives byte by byte."""
    with reporting_errors(session):
        sessions.reproduce(ROOT)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare the start-up time of this machine's newest binary with that of its source."""
    with reporting_errors(session):
        python = tool_environment(ROOT, "bench", ["build"])
        run_inside(ROOT, [str(python), "-m", "release_tools", "bench"])


@nox.session
def lint(session: nox.Session) -> None:
    """Check formatting, style and spelling, and lint the GitHub workflows."""
    with reporting_errors(session):
        python = source_environment(ROOT, "lint", ["lint"])
        for command in (["ruff", "format", "--check"], ["ruff", "check"], ["codespell_lib"]):
            run_inside(ROOT, [str(python), "-m", *command])
        # Without shellcheck and pyflakes, which not every machine has; every script is a single command.
        run_inside(ROOT, [str(python.with_name("actionlint")), "-shellcheck=", "-pyflakes="])
        zizmor_args = ["--offline", "--pedantic", "--strict-collection", "--quiet", ".github"]
        run_inside(ROOT, [str(python.with_name("zizmor")), *zizmor_args])


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check all types with mypy, in strict mode."""
    with reporting_errors(session):
        python = source_environment(ROOT, "typecheck", ["main", "test", "lint"], with_tools=True)
        run_inside(ROOT, [str(python), "-m", "mypy"])


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests of the app (from source) and of release_tools; arguments after -- go to pytest."""
    with reporting_errors(session):
        python = source_environment(ROOT, "tests", ["main", "test"], with_tools=True, with_project=True)
        run_inside(ROOT, [str(python), "-m", "pytest", "-n", "auto", "--dist", "loadgroup", *session.posargs])
