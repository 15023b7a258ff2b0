"""What git knows about the folder that is built."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from release_tools.commands import capture
from release_tools.errors import CommandFailedError, MissingToolError


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
        sha = capture(["git", "rev-parse", "--verify", "HEAD"], cwd=root).strip()
    except CommandFailedError as error:
        if "dubious ownership" in error.what:
            raise
        return None
    time = capture(["git", "show", "--no-patch", "--format=%ct", "HEAD"], cwd=root).strip()
    changes = capture(["git", "status", "--porcelain"], cwd=root)
    return Commit(sha=sha, time=int(time), is_dirty=bool(changes.strip()))


def is_checkout(root: Path) -> bool:
    """Whether the folder, or one that it is in, is a checkout of git."""
    return any((folder / ".git").exists() for folder in (root, *root.parents))
