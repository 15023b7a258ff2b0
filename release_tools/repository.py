"""What git knows about the folder that is built."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.errors import CommandFailedError, MissingToolError
from release_tools.processes.run import EnvironmentChanges, capture

# What hooks and `git rebase --exec` set (`git rev-parse --local-env-vars` lists them): with these, git acts on another
# repository than the one in the folder. And its messages in one language, as they are looked at here.
_FOLDER_ALONE: Final[EnvironmentChanges] = {
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
    "LC_ALL": "C",
}


@dataclass(frozen=True, kw_only=True)
class Commit:
    """The checked-out commit. `time` is its commit time in seconds since 1970; `is_dirty` counts untracked files."""

    sha: str
    time: int
    is_dirty: bool


def read_commit(root: Path) -> Commit | None:
    """The commit of `root`, or None where it is no git checkout or has no commit yet.

    Raises `MissingToolError` when the folder is a checkout and git is not installed, and `CommandFailedError` when
    git refuses to read it.
    """
    if not is_checkout(root):
        return None
    if shutil.which("git") is None:
        raise MissingToolError(
            "git", "install it with your system's packages; the build names the commit it was made of"
        )
    try:
        sha = git(root, "rev-parse", "--verify", "HEAD").strip()
    except CommandFailedError as error:
        if "dubious ownership" in error.what:
            raise
        return None
    # Whatever the person's own settings add to the output, or leave out of it.
    time = git(root, "show", "--no-patch", "--no-show-signature", "--format=%ct", "HEAD").strip()
    changes = git(root, "status", "--porcelain", "--untracked-files=normal")
    return Commit(sha=sha, time=int(time), is_dirty=bool(changes.strip()))


def git(folder: Path, *args: str) -> str:
    """What git prints about the repository of `folder`, and of no other that the environment names.

    Raises `MissingToolError` or `CommandFailedError`.
    """
    return capture(["git", *args], cwd=folder, env=_FOLDER_ALONE)


def read_git_folders(root: Path) -> tuple[Path, ...]:
    """The folders that git reads for the checkout `root`: its top folder, and where the repository itself is.

    The second is elsewhere for a linked worktree. Empty where `root` is no git checkout.
    """
    if not is_checkout(root):
        return ()
    asked = ("--show-toplevel", "--git-common-dir")
    answer = git(root, "rev-parse", "--path-format=absolute", *asked)
    return tuple(Path(line) for line in answer.splitlines())


def read_ignore_file(root: Path, environment: Mapping[str, str]) -> Path | None:
    """The person's own list of what git ignores in every repository (gitignore(5)); None where there is none."""
    if not is_checkout(root):
        return None
    configured = git(root, "config", "--type=path", "--default", "", "--get", "core.excludesFile").rstrip("\n")
    home = Path(environment.get("HOME", ""))
    usual = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "ignore"
    path = Path(configured) if configured else usual
    return path.absolute() if path.is_file() else None


def is_checkout(root: Path) -> bool:
    """Whether the folder, or one that it is in, is a checkout of git."""
    return any((folder / ".git").exists() for folder in (root, *root.parents))
