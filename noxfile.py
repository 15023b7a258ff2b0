"""Build, verify and check agent-runner. Plain `nox` runs the fast checks; `nox -s build` builds this machine's binary.

Every session creates its own environment from a lock; there's nothing to install or activate first.
"""

import functools
import os
import sys
from pathlib import Path

import nox

# Nox doesn't add this file's folder to the path.
sys.path.insert(0, str(Path(__file__).parent))

from release_tools.bootstrap.adopting import adopt as adopt_library
from release_tools.bootstrap.environment import run_inside, source_environment
from release_tools.bootstrap.nox_sessions import NO_BACKEND, ROOT, reporting_errors

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = NO_BACKEND
nox.options.sessions = ["lint", "typecheck", "tests"]


@nox.session(default=False)
def adopt(session: nox.Session) -> None:
    """Copy the release tools into another project, or update them there (-- ../app)."""
    with reporting_errors(session):
        report = functools.partial(print, flush=True)
        # Nox changes to the folder of its noxfile.
        adopt_library(ROOT, session.posargs, report, invoked_from=Path(session.invoked_from))


def run_marked(session: nox.Session, mark: str, path: str, *options: str, groups: tuple[str, ...] = ()) -> None:
    """Run the tests with this mark, which are all below `path`: pytest would import all others to find them.

    The arguments after -- go to pytest; a path among them takes the place of this one. `groups` are those of Poetry
    that only these tests need.
    """
    with reporting_errors(session):
        python = source_environment(ROOT, "tests", ["main", "test", *groups], with_tools=True, with_project=True)
        command = [str(python), "-m", "pytest", "-o", f"testpaths={path}", "-m", mark]
        run_inside(ROOT, [*command, *options, *session.posargs])


@nox.session(default=False)
def gates(session: nox.Session) -> None:
    """Check that apps broken on purpose fail verification; arguments after -- go to pytest."""
    # One more than there are processors: some gates only wait for a program that never ends.
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = str(processors + 1)
    run_marked(session, "gates", "tests/integration/test_gates.py", "-n", workers, "--dist", "loadgroup")


@nox.session(default=False)
def apps(session: nox.Session) -> None:
    """Build real applications with default settings, compare their main jobs with the source, and adopt the library."""
    run_marked(session, "apps", "tests/integration", "-n", "auto")


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Mirror to a real S3 server with every fault at every request; arguments after -- go to pytest."""
    run_marked(session, "faults", "tests/release_tools/releasing/mirror", "-s", groups=("store",))


@nox.session(default=False)
def workflow(session: nox.Session) -> None:
    """Run the release workflow with act (Linux), and lose each part of it in turn; arguments after -- go to pytest."""
    run_marked(session, "workflow", "tests/workflow", "-n", "auto")


@nox.session
def lint(session: nox.Session) -> None:
    """Check formatting, style and spelling, and lint the GitHub workflows."""
    with reporting_errors(session):
        python = source_environment(ROOT, "lint", ["lint"])
        for command in (["ruff", "format", "--check"], ["ruff", "check"], ["codespell_lib"]):
            run_inside(ROOT, [str(python), "-m", *command])
        run_inside(ROOT, [str(python.with_name("shellcheck")), "release_tools/installers/install.sh"])
        # Without pyflakes, which not every machine has, and shellcheck; every script is a single command.
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
        python = source_environment(ROOT, "tests", ["main", "test", "store"], with_tools=True, with_project=True)
        run_inside(ROOT, [str(python), "-m", "pytest", "-n", "auto", "--dist", "loadgroup", *session.posargs])
