"""The Nox sessions of every project that uses this library. Its noxfile.py imports this module.

They set no options of Nox, so that a project's own sessions can be of any kind.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import nox

from release_tools.bootstrap import bench as bench_sessions
from release_tools.bootstrap import sessions
from release_tools.bootstrap.environment import run_inside, tool_environment
from release_tools.errors import ReleaseError, reporting_os_errors
from release_tools.lockfile import BUILD_TOOLS, LIBRARY
from release_tools.platforms import PLATFORMS, Platform, host_platform

ROOT: Final = LIBRARY.parent

# Sessions create their environments themselves: exactly the locked files, each checked by hash, and an error instead of
# Nox's skip if Python is missing.
NO_BACKEND: Final = "none"


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
    """Add the session that builds for a platform."""

    @nox.session(name=f"build-{platform.name}", tags=["build"], venv_backend=NO_BACKEND, default=False)
    def build_platform(session: nox.Session) -> None:
        with reporting_errors(session):
            sessions.build(ROOT, platform.name, session.posargs)

    build_platform.__doc__ = f"Build, verify and package the {platform.name} binary into dist/ (-- --version V)."


for row in PLATFORMS:
    add_build_session(row)


@nox.session(venv_backend=NO_BACKEND, default=False)
def build(session: nox.Session) -> None:
    """Build, verify and package this machine's binary into dist/ (-- --version V)."""
    with reporting_errors(session):
        sessions.build(ROOT, host_platform().name, session.posargs)


@nox.session(venv_backend=NO_BACKEND, default=False)
def wheels(session: nox.Session) -> None:
    """Check that every locked package can be installed on each of the five platforms."""
    with reporting_errors(session):
        python = tool_environment(ROOT, "wheels", BUILD_TOOLS)
        run_inside(ROOT, [str(python), "-m", "release_tools", "wheels"])


@nox.session(venv_backend=NO_BACKEND, default=False)
def reproduce(session: nox.Session) -> None:
    """Build the checked-out commit in two folders, and again in the second, and compare the archives byte by byte."""
    with reporting_errors(session):
        sessions.reproduce(ROOT)


@nox.session(venv_backend=NO_BACKEND, default=False)
def bench(session: nox.Session) -> None:
    """Compare builds, downloads and starts with those of plain PyInstaller, and write docs/benchmarks.md."""
    with reporting_errors(session):
        bench_sessions.bench(ROOT, session.posargs)


@nox.session(name="import-order", venv_backend=NO_BACKEND, default=False)
def import_order(session: nox.Session) -> None:
    """Write down the order in which the scenarios of the benchmark import modules, for builds that start faster."""
    with reporting_errors(session):
        python = tool_environment(ROOT, "import-order", BUILD_TOOLS)
        run_inside(ROOT, [str(python), "-m", "release_tools", "import-order"])


@nox.session(venv_backend=NO_BACKEND, default=False)
def size(session: nox.Session) -> None:
    """Show the newest binary by distribution and file, compared to the last one, and write a treemap."""
    with reporting_errors(session):
        python = tool_environment(ROOT, "size", BUILD_TOOLS)
        run_inside(ROOT, [str(python), "-m", "release_tools", "size"])
