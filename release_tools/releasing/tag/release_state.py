"""Everything a release depends on, read from git, the remote and the project's files before anything is changed."""

from dataclasses import dataclass
from pathlib import Path

from release_tools.errors import CommandFailedError, MissingToolError, Problem, ReleaseError
from release_tools.lockfile import TOOLS_LOCK, lock_problems, read_lock_file
from release_tools.preflight.wheels import check_all_wheels
from release_tools.processes.run import changed_environment, observe
from release_tools.releasing.git_state import (
    Clone,
    Remote,
    Tag,
    ahead_behind,
    count_commits,
    is_github_host,
    last_release,
    page_of_url,
    read_clone,
    read_remote,
)
from release_tools.releasing.notes.changelog import changelog_problems
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag


@dataclass(frozen=True, kw_only=True)
class ReleaseState:
    """Everything a release of `tag` depends on.

    `remote` is None where there is none or it can't be read; `remote_problems` says why. `ahead_behind` compares HEAD
    with the remote's branch, and is None where the clone lacks that commit. `project_problems` come from the lock, the
    wheels and the changelog. `is_on_github` is false only for a server that gh doesn't know as GitHub's.
    """

    executable: str
    project_version: str
    tag: str
    clone: Clone
    remote: Remote | None
    ahead_behind: tuple[int, int] | None
    remote_problems: tuple[Problem, ...]
    project_problems: tuple[Problem, ...]
    is_on_github: bool
    last_release: Tag | None
    commit_count: int

    @property
    def local_tag(self) -> Tag | None:
        return next((tag for tag in self.clone.tags if tag.name == self.tag), None)

    @property
    def remote_tag(self) -> Tag | None:
        return next((tag for tag in self.remote.tags if tag.name == self.tag), None) if self.remote else None

    @property
    def is_pushed(self) -> bool:
        """Whether the remote has the tag at the checked-out commit."""
        return self.remote_tag is not None and self.remote_tag.commit == self.clone.commit


def read_release_state(settings: ReleaseSettings, tag: str | None) -> ReleaseState:
    """Read everything a release depends on. The tag defaults to that of the project's version.

    Raises `NoCommitError` outside a git checkout and `MissingToolError` without git; all other problems are part of the
    state.
    """
    root, version = settings.root, settings.project_version
    tag = tag if tag is not None else release_tag(settings.executable, version)
    clone = read_clone(root)
    remote, remote_problems = _try_remote(root, clone)
    remote_commit = remote.branch_commit if remote else None
    last = last_release(root, settings.executable, clone.commit, tag)
    return ReleaseState(
        executable=settings.executable,
        project_version=version,
        tag=tag,
        clone=clone,
        remote=remote,
        ahead_behind=ahead_behind(root, clone.commit, remote_commit) if remote_commit else None,
        remote_problems=remote_problems,
        project_problems=(*lock_problems(settings), *_wheel_problems(settings), *changelog_problems(root, version)),
        is_on_github=_is_on_github(root, clone.url),
        last_release=last,
        commit_count=count_commits(root, clone.commit, last.commit if last else None),
    )


def _wheel_problems(settings: ReleaseSettings) -> list[Problem]:
    try:
        locks = (read_lock_file(settings.lock_path), read_lock_file(TOOLS_LOCK))
    except ReleaseError:
        # `lock_problems` reports it.
        return []
    return [problem for row in check_all_wheels(settings, *locks) for problem in row.problems]


def _is_on_github(root: Path, url: str) -> bool:
    host = (page_of_url(url) or "").removeprefix("https://").partition("/")[0]
    # A folder, or a name that only SSH's settings explain.
    if "." not in host or is_github_host(host):
        return True
    try:
        # Prints the token if there is one; it's read here and not printed.
        args = ["gh", "auth", "token", "--hostname", host]
        environment = changed_environment({"GH_TOKEN": None, "GH_ENTERPRISE_TOKEN": None})
        return observe(args, cwd=root, environment=environment, timeout_seconds=60).code == 0
    except (MissingToolError, CommandFailedError):
        return True


def _try_remote(root: Path, clone: Clone) -> tuple[Remote | None, tuple[Problem, ...]]:
    if clone.remote is None:
        return None, ()
    try:
        return read_remote(root, clone.remote, clone.branch), ()
    except ReleaseError as error:
        return None, (Problem(what=error.what, hint=error.hint),)
