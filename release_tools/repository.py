"""What git knows about the project's folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.errors import CommandFailedError, NoCommitError
from release_tools.processes.run import EnvironmentChanges, capture

# Git hooks and `git rebase --exec` set the variables that are removed here (`git rev-parse --local-env-vars` lists
# them); with them git would act on another repository than the folder's.
GIT_ENVIRONMENT: Final[EnvironmentChanges] = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": None,
    "GIT_COMMON_DIR": None,
    "GIT_DIR": None,
    "GIT_GRAFT_FILE": None,
    "GIT_INDEX_FILE": None,
    "GIT_NAMESPACE": None,
    "GIT_OBJECT_DIRECTORY": None,
    "GIT_PREFIX": None,
    "GIT_SHALLOW_FILE": None,
    "GIT_WORK_TREE": None,
    # `git status` would update the index.
    "GIT_OPTIONAL_LOCKS": "0",
    # There's no terminal to ask for a password.
    "GIT_TERMINAL_PROMPT": "0",
    # Some messages are matched.
    "LC_ALL": "C",
}


@dataclass(frozen=True, kw_only=True)
class Commit:
    """The checked-out commit. `time` is the commit time in seconds since 1970; untracked files make it dirty."""

    sha: str
    time: int
    is_dirty: bool


def read_commit(root: Path) -> Commit | None:
    """The commit of `root`, or None if it isn't a git checkout or has no commit yet.

    Raises `MissingToolError` for a checkout without git, and `CommandFailedError` if git refuses to read it.
    """
    if not is_checkout(root):
        return None
    try:
        sha = git(root, "rev-parse", "--verify", "HEAD").strip()
    except CommandFailedError as error:
        if "dubious ownership" in error.what:
            raise
        return None
    # Independent of the user's git settings.
    time = git(root, "show", "--no-patch", "--no-show-signature", "--format=%ct", "HEAD").strip()
    changes = git(root, "status", "--porcelain", "--untracked-files=normal")
    return Commit(sha=sha, time=int(time), is_dirty=bool(changes.strip()))


def require_commit(root: Path) -> Commit:
    """The commit of `root`. Raises `NoCommitError` if there's none, and the errors of `read_commit`."""
    commit = read_commit(root)
    if commit is None:
        raise NoCommitError(root)
    return commit


def git(folder: Path, *args: str) -> str:
    """The output of a git command in the repository of `folder`.

    Raises `MissingToolError` or `CommandFailedError`.
    """
    return capture(["git", *args], cwd=folder, env=GIT_ENVIRONMENT)


def read_git_folders(root: Path) -> tuple[Path, ...]:
    """The folders that git reads for the checkout `root`: its top level and its git directory.

    A linked worktree's git directory is outside of it. Empty if `root` isn't a git checkout.
    """
    if not is_checkout(root):
        return ()
    asked = ("--show-toplevel", "--git-common-dir")
    answer = git(root, "rev-parse", "--path-format=absolute", *asked)
    return tuple(Path(line) for line in answer.splitlines())


def read_ignore_file(root: Path, environment: Mapping[str, str]) -> Path | None:
    """The user's global gitignore file (`core.excludesFile`), or None if there is none."""
    if not is_checkout(root):
        return None
    configured = git(root, "config", "--type=path", "--default", "", "--get", "core.excludesFile").rstrip("\n")
    home = Path(environment.get("HOME", ""))
    default = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "ignore"
    path = Path(configured) if configured else default
    return path.absolute() if path.is_file() else None


def is_checkout(root: Path) -> bool:
    """Whether the folder is inside a git checkout."""
    return any((folder / ".git").exists() for folder in (root, *root.parents))
