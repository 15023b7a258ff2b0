"""`invoke check`: whether the project and this machine are ready for a release, every obstacle with its cure."""

import json
import re
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from packaging.version import Version
from rich.console import Console

from release_tools.bootstrap.hosts import tool_problems
from release_tools.errors import Problem, ReleaseError
from release_tools.lockfile import lock_problems, read_lock_file
from release_tools.platforms import PLATFORMS, host_platform
from release_tools.preflight.wheels import check_all_wheels
from release_tools.processes.run import capture, changed_environment, observe
from release_tools.releasing.errors import ChecksFailedError
from release_tools.releasing.git_state import READING, SHALLOW_HINT, read_clone
from release_tools.releasing.github.runner_labels import next_end, runner_problems
from release_tools.releasing.github.workflows import workflow_problems
from release_tools.releasing.notes.foreign_text import first_line
from release_tools.reporting.records import CheckResult
from release_tools.reporting.tables import print_checks
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import TABLE
from release_tools.verification.check import CheckFailedError, CheckSkippedError

# The first with GIT_OPTIONAL_LOCKS and `rev-parse --is-shallow-repository`.
GIT_FLOOR: Final = "2.15"
# What Debian 12 has, and the oldest that the publishing is tested with.
GH_FLOOR: Final = "2.23"
# Reads requirements with hashes, and sets up environments without asking.
UV_FLOOR: Final = "0.5"


def check_project(settings: ReleaseSettings, today: date, uv: Path, nox: Path | None, console: Console) -> None:
    """Print a table of all checks, then what is wrong with its cure. Without `nox`, workflows are not checked.

    Raises `ChecksFailedError` when anything is.
    """
    results = [_result(name, run) for name, run in _checks(settings, today, uv, nox)]
    print_checks(f"{settings.executable} {settings.project_version}", results, console)
    failed = [result.name for result in results if result.is_failed]
    if failed:
        raise ChecksFailedError(failed)


def _checks(settings: ReleaseSettings, today: date, uv: Path, nox: Path | None) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("settings", lambda: _check_settings(settings)),
        ("git", lambda: _check_tool(settings.root, "git", GIT_FLOOR, "install it with your system's packages")),
        ("gh", lambda: _check_tool(settings.root, "gh", GH_FLOOR, "see https://cli.github.com")),
        ("gh login", lambda: _check_login(settings.root)),
        ("uv", lambda: _check_tool(settings.root, str(uv), UV_FLOOR, 'python -m pip install -U "nox[uv]"')),
        ("build tools", _check_build_tools),
        ("lock", lambda: _check_lock(settings)),
        ("wheels", lambda: _check_wheels(settings)),
        ("workflows", lambda: _check_workflows(settings, nox)),
        ("history", lambda: _check_history(settings.root)),
        ("runners", lambda: _check_runners([platform.runner for platform in PLATFORMS], today)),
    ]


def _result(name: str, run: Callable[[], str]) -> CheckResult:
    started = time.monotonic()
    try:
        result = CheckResult(name=name, verdict="passed", figure=run())
    except CheckSkippedError as reason:
        result = CheckResult(name=name, verdict="skipped", figure=str(reason))
    except ReleaseError as error:
        result = CheckResult(name=name, verdict="failed", figure=error.what, hint=error.hint)
    return result.taking(time.monotonic() - started)


def _fail(problems: Sequence[Problem]) -> None:
    """Raises `CheckFailedError` with all of these, if there are any."""
    if problems:
        first, *more = problems
        what = "".join(f"\n{problem.what}\n  hint: {problem.hint}" for problem in more)
        raise CheckFailedError(f"{first.what}{what}", first.hint)


def _check_settings(settings: ReleaseSettings) -> str:
    # They were checked against their schema when they were loaded; a key that is not known ends that.
    keys = settings.pyproject.get("tool", {}).get("release-tools", {})
    return f"{len(keys)} keys in {TABLE}"


def _check_tool(root: Path, tool: str, floor: str, hint: str) -> str:
    """Its version. Raises `MissingToolError` without the tool, and `CheckFailedError` for one that is too old."""
    shown = first_line(_output(root, tool, "--version"))
    found = re.search(r"\d+\.\d+(\.\d+)*", shown)
    if found is None or Version(found[0]) < Version(floor):
        raise CheckFailedError(f"{Path(tool).name} says {shown!r}; {floor} or later is needed", hint)
    return found[0]


def _check_login(root: Path) -> str:
    answer = observe(["gh", "auth", "status"], cwd=root, environment=changed_environment(READING), timeout_seconds=60)
    if answer.code != 0:
        raise CheckFailedError(first_line(answer.output), "run `gh auth login`, or set GH_TOKEN")
    return "signed in"


def _check_build_tools() -> str:
    platform = host_platform()
    problems = tool_problems(platform)
    _fail(problems)
    return f"all that PyInstaller starts on {platform.name}"


def _check_lock(settings: ReleaseSettings) -> str:
    _fail(lock_problems(settings))
    return f"{len(read_lock_file(settings.lock_path).packages)} packages, fresh"


def _check_wheels(settings: ReleaseSettings) -> str:
    rows = check_all_wheels(settings, read_lock_file(settings.lock_path))
    _fail([problem for row in rows for problem in row.problems])
    return f"every package of {len(rows)} platforms has one"


def _check_workflows(settings: ReleaseSettings, nox: Path | None) -> str:
    if nox is None:
        raise CheckSkippedError("Nox, which lists the sessions, is neither beside Invoke nor on the PATH")
    # Without a keyword Nox lists the sessions that it runs by default only.
    listed = capture([str(nox), "--list", "--json", "--keywords", "not _"], cwd=settings.root)
    names = {str(entry["session"]) for entry in json.loads(listed)}
    _fail(workflow_problems(settings, read_lock_file(settings.lock_path), names))
    return f"agree with {len(PLATFORMS)} platforms, {len(names)} sessions and the lock"


def _check_history(root: Path) -> str:
    clone = read_clone(root)
    if clone.is_shallow:
        raise CheckFailedError("the clone is shallow: the changes of a release cannot be told", SHALLOW_HINT)
    return f"whole, at {clone.commit[:7]}"


def _check_runners(names: Sequence[str], today: date) -> str:
    _fail(runner_problems(names, today))
    first = next_end(names)
    return f"the first to end is {first.name}, on {first.ends}" if first else "none has an announced end"


def _output(root: Path, *args: str) -> str:
    """What a program prints; "" when it fails. Raises `MissingToolError`."""
    answer = observe(args, cwd=root, environment=changed_environment(READING), timeout_seconds=60)
    return answer.stdout if answer.code == 0 else ""
