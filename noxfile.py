"""Build, prove and check agent-runner. Plain `nox` runs the fast checks; `nox -s build` makes this machine's binary.

Every session makes its own environment from poetry.lock: nothing has to be installed or activated before.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox

ROOT = Path(__file__).parent
# Nox runs this file without its folder on the path.
sys.path.insert(0, str(ROOT))

from release_tools.bootstrap import sessions  # noqa: E402
from release_tools.errors import ReleaseError, reporting_os_errors  # noqa: E402
from release_tools.platforms import PLATFORMS, Platform, host_platform  # noqa: E402

nox.needs_version = ">=2024.10.9"
# The sessions make their environments themselves: exactly the locked files, each checked against its hash, and an
# error instead of Nox's skip where Python is missing.
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "typecheck", "tests"]


@contextmanager
def reporting_errors(session: nox.Session) -> Iterator[None]:
    """Ends the session with the text of a failure that a person can act on."""
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
    """Build, verify and package the binary of this machine into dist/ (-- --version V)."""
    with reporting_errors(session):
        sessions.build(ROOT, host_platform().name, session.posargs)


@nox.session(default=False)
def gates(session: nox.Session) -> None:
    """Build many apps, each broken in one way, and see each of them refused; arguments after -- go to pytest."""
    with reporting_errors(session):
        python = sessions.tool_environment(ROOT, "tests", ["main", "build", "test"], with_project=True)
        pytest_args = ["-m", "gates", "-n", "auto", "--dist", "loadgroup", *session.posargs]
        sessions.run_inside(ROOT, [str(python), "-m", "pytest", *pytest_args])


@nox.session(default=False)
def wheels(session: nox.Session) -> None:
    """Show for each of the five platforms whether every locked package has a wheel that installs there."""
    with reporting_errors(session):
        python = sessions.tool_environment(ROOT, "wheels", ["build"])
        sessions.run_inside(ROOT, [str(python), "-m", "release_tools", "wheels"])


@nox.session(default=False)
def reproduce(session: nox.Session) -> None:
    """Build the checked-out commit in two different folders and compare the archives byte for byte."""
    with reporting_errors(session):
        sessions.reproduce(ROOT)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare the start of this machine's last binary with that of its source, as ratios."""
    with reporting_errors(session):
        sessions.bench(ROOT)


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style and spelling of everything, and the workflows for mistakes and holes."""
    with reporting_errors(session):
        python = sessions.tool_environment(ROOT, "lint", ["lint"])
        for command in (["ruff", "format", "--check"], ["ruff", "check"], ["codespell_lib"]):
            sessions.run_inside(ROOT, [str(python), "-m", *command])
        # Without shellcheck, which only some machines have; the scripts are single commands.
        sessions.run_inside(ROOT, [str(python.with_name("actionlint")), "-shellcheck=", "-pyflakes="])
        zizmor_args = ["--offline", "--pedantic", "--strict-collection", "--quiet", ".github"]
        sessions.run_inside(ROOT, [str(python.with_name("zizmor")), *zizmor_args])


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types of everything, strictly."""
    with reporting_errors(session):
        python = sessions.tool_environment(ROOT, "typecheck", ["main", "build", "test", "lint"])
        sessions.run_inside(ROOT, [str(python), "-m", "mypy"])


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, with the app from source; arguments after -- go to pytest."""
    with reporting_errors(session):
        python = sessions.tool_environment(ROOT, "tests", ["main", "build", "release", "test"], with_project=True)
        sessions.run_inside(ROOT, [str(python), "-m", "pytest", "-n", "auto", "--dist", "loadgroup", *session.posargs])
