"""`invoke check`: every problem in the project or on this machine that would stop a release, each with a hint."""

import functools
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
from release_tools.lockfile import TOOLS_LOCK, LockFile, lock_problems, read_lock_file
from release_tools.platforms import PLATFORMS, host_platform
from release_tools.preflight.wheels import check_all_wheels
from release_tools.processes.run import capture, changed_environment, observe
from release_tools.releasing.errors import ChecksFailedError, ShallowCloneError
from release_tools.releasing.git_state import read_clone
from release_tools.releasing.github.releases import GitHubRepository
from release_tools.releasing.github.runner_labels import next_end, runner_problems
from release_tools.releasing.github.workflows import workflow_problems
from release_tools.releasing.vulnerabilities import (
    Ask,
    DatabaseError,
    ask_database,
    expiry_problems,
    find_vulnerabilities,
    ids_of,
    unneeded_entries,
    vulnerability_problems,
)
from release_tools.reporting.records import CheckResult
from release_tools.reporting.tables import print_checks
from release_tools.repository import GIT_ENVIRONMENT
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import TABLE
from release_tools.verification.check import CheckFailedError, CheckSkippedError

# `rev-parse --is-shallow-repository` is new in 2.15.
_MIN_GIT_VERSION: Final = "2.15"
# The version in Debian 12, and the oldest that `invoke publish` is tested with.
_MIN_GH_VERSION: Final = "2.23"
# Installs requirements with hashes, and creates environments without a prompt.
_MIN_UV_VERSION: Final = "0.5"


def check_project(
    settings: ReleaseSettings,
    github: GitHubRepository,
    console: Console,
    *,
    today: date,
    uv: Path,
    nox: Path | None,
    ask: Ask = ask_database,
) -> None:
    """Print a table of all checks, then the problems with their hints. Without `nox`, the workflows are skipped.

    Raises `ChecksFailedError`.
    """
    results = [_result(name, run) for name, run in _checks(settings, github, ask, today=today, uv=uv, nox=nox)]
    print_checks(f"{settings.executable} {settings.project_version}", results, console)
    failed = [result.name for result in results if result.is_failed]
    if failed:
        raise ChecksFailedError(failed)


def _checks(
    settings: ReleaseSettings, github: GitHubRepository, ask: Ask, *, today: date, uv: Path, nox: Path | None
) -> list[tuple[str, Callable[[], str]]]:
    root = settings.root
    read_locks = functools.cache(lambda: (read_lock_file(settings.lock_path), read_lock_file(TOOLS_LOCK)))
    return [
        ("settings", lambda: _check_settings(settings)),
        ("git", lambda: _check_tool(root, "git", _MIN_GIT_VERSION, "install a newer git with your package manager")),
        ("gh", lambda: _check_tool(root, "gh", _MIN_GH_VERSION, "install a newer gh: https://cli.github.com")),
        ("gh login", lambda: _check_login(root)),
        ("repository", lambda: _check_repository(root, github)),
        ("uv", lambda: _check_tool(root, str(uv), _MIN_UV_VERSION, 'python -m pip install -U "nox[uv]"')),
        ("build tools", _check_build_tools),
        ("locks", lambda: _check_locks(settings, read_locks)),
        ("wheels", lambda: _check_wheels(settings, *read_locks())),
        ("vulnerabilities", lambda: _check_vulnerabilities(settings, read_locks(), today, ask)),
        ("workflows", lambda: _check_workflows(settings, read_locks, nox)),
        ("history", lambda: _check_history(root)),
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


def _fail_on(problems: Sequence[Problem]) -> None:
    """Raise `CheckFailedError` with all problems, if there are any."""
    if problems:
        first, *others = problems
        what = "".join(f"\n{problem.what}\n  hint: {problem.hint}" for problem in others)
        raise CheckFailedError(f"{first.what}{what}", first.hint)


def _check_settings(settings: ReleaseSettings) -> str:
    # `ReleaseSettings.load` has already validated them.
    keys = settings.pyproject.get("tool", {}).get("release-tools", {})
    return f"{len(keys)} keys in {TABLE}"


def _check_tool(root: Path, tool: str, minimum: str, hint: str) -> str:
    """The tool's version. Raises `MissingToolError`, or `CheckFailedError` when it's too old."""
    answer = observe(
        [tool, "--version"], cwd=root, environment=changed_environment(GIT_ENVIRONMENT), timeout_seconds=60
    )
    line = _first_line(answer.stdout) if answer.code == 0 else ""
    found = re.search(r"\d+\.\d+(\.\d+)*", line)
    if found is None or Version(found[0]) < Version(minimum):
        raise CheckFailedError(f"`{Path(tool).name} --version` prints {line!r}; {minimum} or later is required", hint)
    return found[0]


def _check_login(root: Path) -> str:
    environment = changed_environment(GIT_ENVIRONMENT)
    answer = observe(["gh", "auth", "status"], cwd=root, environment=environment, timeout_seconds=60)
    if answer.code != 0:
        raise CheckFailedError(_first_line(answer.output), "run `gh auth login`, or set GH_TOKEN")
    return "logged in"


def _check_repository(root: Path, github: GitHubRepository) -> str:
    """The repository on GitHub, and whether its releases become immutable."""
    try:
        _check_login(root)
        settings, is_immutable = github.settings(), github.makes_immutable()
    except ReleaseError as error:
        # `gh login` fails too, or `invoke release` says it when it's needed.
        raise CheckSkippedError(f"GitHub isn't asked: {error.what}") from None
    if settings.is_archived:
        raise CheckFailedError(f"{settings.name} is archived", f"unarchive it: {settings.url}/settings")
    # GitHub answers the same if they're off and if only administrators may know.
    state = {True: "on", False: "off", None: "off, or hidden from this token"}[is_immutable]
    return f"{settings.name}, default branch {settings.default_branch}, immutable releases {state}"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _check_build_tools() -> str:
    platform = host_platform()
    _fail_on(tool_problems(platform))
    return f"all that PyInstaller needs on {platform.name}"


def _check_locks(settings: ReleaseSettings, read_locks: Callable[[], tuple[LockFile, LockFile]]) -> str:
    _fail_on(lock_problems(settings))
    app, tools = (len(lock.packages) for lock in read_locks())
    return f"{app} packages and {tools} of the tools, up to date"


def _check_wheels(settings: ReleaseSettings, lock: LockFile, tools_lock: LockFile) -> str:
    rows = check_all_wheels(settings, lock, tools_lock)
    _fail_on([problem for row in rows for problem in row.problems])
    return f"found for every package on {len(rows)} platforms"


def _check_vulnerabilities(settings: ReleaseSettings, locks: Sequence[LockFile], today: date, ask: Ask) -> str:
    """Without the database only the dates of the exceptions are checked, and nothing is claimed about the locks."""
    allowed = settings.allowed_vulnerabilities
    expired = expiry_problems(allowed, today)
    try:
        found = find_vulnerabilities(locks, ask)
    except DatabaseError as reason:
        _fail_on(expired)
        raise CheckSkippedError(f"not checked: {reason}") from None
    _fail_on([*expired, *vulnerability_problems(found, allowed, today)])
    count = len({(package.name, package.version) for lock in locks for package in lock.packages})
    unneeded = unneeded_entries(found, allowed)
    needed = [entry for entry in allowed if entry.id not in unneeded]
    parts = [f"none known in {count} locked versions", *([f"allowed: {ids_of(needed)}"] if needed else [])]
    parts += [f"no longer needed in the settings: {', '.join(unneeded)}"] if unneeded else []
    return "; ".join(parts)


def _check_workflows(
    settings: ReleaseSettings, read_locks: Callable[[], tuple[LockFile, LockFile]], nox: Path | None
) -> str:
    if nox is None:
        raise CheckSkippedError("Nox, which lists the sessions, is neither next to Invoke nor on the PATH")
    # Without --keywords, Nox lists the default sessions only.
    listed = capture([str(nox), "--list", "--json", "--keywords", "not _"], cwd=settings.root)
    names = {str(entry["session"]) for entry in json.loads(listed)}
    _fail_on(workflow_problems(settings, read_locks()[1], names))
    return f"match {len(PLATFORMS)} platforms, {len(names)} sessions and the lock"


def _check_history(root: Path) -> str:
    clone = read_clone(root)
    if clone.is_shallow:
        raise ShallowCloneError
    return f"complete, at {clone.commit[:7]}"


def _check_runners(names: Sequence[str], today: date) -> str:
    _fail_on(runner_problems(names, today))
    first = next_end(names)
    return f"next retirement: {first.name} on {first.ends}" if first else "no retirement announced"
