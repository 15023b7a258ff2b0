"""All that a release depends on, asked of git, the remote and the project's files before anything is changed."""

from dataclasses import dataclass
from pathlib import Path

from release_tools.errors import Problem, ReleaseError
from release_tools.lockfile import lock_problems, read_lock_file
from release_tools.preflight.wheels import check_all_wheels
from release_tools.releasing.git_state import (
    Clone,
    Remote,
    Tag,
    commits_apart,
    count_commits,
    last_release,
    read_clone,
    read_remote,
)
from release_tools.releasing.notes.changelog import changelog_problems
from release_tools.releasing.notes.foreign_text import first_line, printable, quoted
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag


@dataclass(frozen=True, kw_only=True)
class ReleaseState:
    """All that a release depends on.

    `wanted` is the tag that was asked for. `remote` is None where there is none or where it does not answer, which
    `remote_problems` tells then. `apart` counts the commits that only this clone has and only the remote's branch
    has; None where they cannot be compared. `project_problems` come from the lock, the wheels and the changelog.
    """

    executable: str
    project_version: str
    wanted: str
    clone: Clone
    remote: Remote | None
    apart: tuple[int, int] | None
    remote_problems: tuple[Problem, ...]
    project_problems: tuple[Problem, ...]
    last_release: Tag | None
    commit_count: int

    @property
    def tag_here(self) -> Tag | None:
        return next((tag for tag in self.clone.tags if tag.name == self.wanted), None)

    @property
    def tag_there(self) -> Tag | None:
        return next((tag for tag in self.remote.tags if tag.name == self.wanted), None) if self.remote else None

    @property
    def is_pushed(self) -> bool:
        """Whether the remote has the tag at the very commit that is checked out."""
        return self.tag_there is not None and self.tag_there.commit == self.clone.commit


def gather_state(settings: ReleaseSettings, wanted: str | None) -> ReleaseState:
    """Ask everything that a release depends on, and change nothing. Without `wanted`, the tag follows the version.

    Raises `NoCommitError` outside a git checkout and `MissingToolError` without git; whatever else is wrong is part
    of the state.
    """
    root, version = settings.root, settings.project_version
    tag = wanted if wanted is not None else release_tag(settings.executable, version)
    clone = read_clone(root)
    remote, remote_problems = _ask_remote(root, clone)
    last = last_release(root, settings.executable, clone.commit, tag)
    return ReleaseState(
        executable=settings.executable,
        project_version=version,
        wanted=tag,
        clone=clone,
        remote=remote,
        apart=commits_apart(root, clone.commit, remote.branch_commit) if remote and remote.branch_commit else None,
        remote_problems=remote_problems,
        project_problems=(*lock_problems(settings), *wheel_problems(settings), *changelog_problems(root, version)),
        last_release=last,
        commit_count=count_commits(root, clone.commit, last.commit if last else None),
    )


def wheel_problems(settings: ReleaseSettings) -> list[Problem]:
    """Every locked package that has no wheel for one of the platforms; none when the lock cannot be read at all."""
    try:
        lock = read_lock_file(settings.lock_path)
    except ReleaseError:
        return []
    return [problem for row in check_all_wheels(settings, lock) for problem in row.problems]


def _ask_remote(root: Path, clone: Clone) -> tuple[Remote | None, tuple[Problem, ...]]:
    if clone.remote is None:
        return None, ()
    try:
        return read_remote(root, clone.remote, clone.branch), ()
    except ReleaseError as error:
        said = first_line(error.what.partition("\n")[2]).removeprefix("| ")
        return None, (
            Problem(
                what=f"the remote {printable(clone.remote)} does not answer: {said or first_line(error.what)}",
                hint=f"try `git ls-remote {quoted(clone.remote)}`; log in, or check the network and the address",
            ),
        )
