"""What git says of this clone and of its remote. Everything here reads; nothing changes a file or a reference."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.version import InvalidVersion, Version

from release_tools.errors import CommandFailedError, NoCommitError
from release_tools.processes.run import EnvironmentChanges, capture, changed_environment, observe
from release_tools.versions import version_of_tag

# Without the first, `git status` writes what it learnt into the index. The others keep git from asking on a terminal
# that is not there, and its messages in the language that is looked for.
READING: Final[EnvironmentChanges] = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

SHALLOW_HINT: Final = "git fetch --unshallow --tags; in a workflow give actions/checkout `fetch-depth: 0`"

_REMOTE_TIMEOUT_SECONDS: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag and the commit that it stands at. `is_annotated` where it is an object of its own."""

    name: str
    commit: str
    is_annotated: bool


@dataclass(frozen=True, kw_only=True)
class Clone:
    """The folder that is released from. `branch` is None where HEAD is detached, `remote` where there is none."""

    commit: str
    subject: str
    branch: str | None
    remote: str | None
    changed_files: tuple[str, ...]
    tags: tuple[Tag, ...]
    is_shallow: bool
    has_identity: bool


@dataclass(frozen=True, kw_only=True)
class Remote:
    """What the remote has. `default_branch` is None where it names none, `branch_commit` where it lacks the branch."""

    default_branch: str | None
    branch_commit: str | None
    tags: tuple[Tag, ...]


def read_clone(root: Path) -> Clone:
    """The state of the clone that holds `root`.

    Raises `NoCommitError` where there is no commit, `MissingToolError` without git.
    """
    try:
        header, _, subject = git(root, "rev-list", "--max-count=1", "--format=%s", "HEAD").strip().partition("\n")
    except CommandFailedError as error:
        if "dubious ownership" in error.what:
            raise
        raise NoCommitError(root) from None
    branch = _answer(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    status = git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal").split("\0")
    return Clone(
        commit=header.removeprefix("commit "),
        subject=subject,
        branch=branch,
        remote=_remote_of(root, branch),
        changed_files=tuple(entry[3:] for entry in status if entry),
        tags=_local_tags(root),
        is_shallow=git(root, "rev-parse", "--is-shallow-repository").strip() == "true",
        has_identity=_answer(root, "var", "GIT_COMMITTER_IDENT") is not None,
    )


def read_remote(root: Path, remote: str, branch: str | None) -> Remote:
    """What the remote has, asked of the remote itself: what this clone remembers of it may be old.

    Raises `CommandFailedError` when it does not answer.
    """
    args = ["git", "ls-remote", "--symref", "--", remote, "HEAD", "refs/heads/*", "refs/tags/*"]
    environment = changed_environment(READING)
    answer = observe(args, cwd=root, environment=environment, timeout_seconds=_REMOTE_TIMEOUT_SECONDS)
    if answer.code != 0:
        raise CommandFailedError(args, f"ended with exit code {answer.code}", answer.output)
    references: dict[str, str] = {}
    default_branch = None
    for line in answer.stdout.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: refs/heads/") and name == "HEAD":
            default_branch = value.removeprefix("ref: refs/heads/")
        elif re.fullmatch(r"[0-9a-f]{40,64}", value):
            references[name] = value
    names = [name.removeprefix("refs/tags/") for name in references if name.startswith("refs/tags/")]
    tags = [
        Tag(
            name=name,
            commit=references.get(f"refs/tags/{name}^{{}}", references[f"refs/tags/{name}"]),
            is_annotated=f"refs/tags/{name}^{{}}" in references,
        )
        for name in names
        if not name.endswith("^{}")
    ]
    return Remote(default_branch=default_branch, branch_commit=references.get(f"refs/heads/{branch}"), tags=tuple(tags))


def commits_apart(root: Path, commit: str, other: str) -> tuple[int, int] | None:
    """How many commits only the first has and only the second, or None when the clone does not hold the second."""
    if _answer(root, "cat-file", "-e", f"{other}^{{commit}}") is None:
        return None
    only_first, only_second = git(root, "rev-list", "--left-right", "--count", f"{commit}...{other}", "--").split()
    return int(only_first), int(only_second)


def count_commits(root: Path, commit: str, since: str | None) -> int:
    """How many commits, merges left out, `commit` has that `since` has not."""
    revisions = [commit, *([f"^{since}"] if since else [])]
    return int(git(root, "rev-list", "--no-merges", "--count", *revisions, "--"))


def last_release(root: Path, executable: str, commit: str, tag: str) -> Tag | None:
    """The release tag with the highest version among those that `commit` has in its history and that are not `tag`."""
    reachable = git(root, "tag", "--list", "--merged", commit, "--format=%(refname:strip=2)").splitlines()
    found = [found for found in _local_tags(root) if found.name in reachable and found.name != tag]
    return max(
        (found for found in found if release_version(executable, found.name)),
        key=lambda found: release_version(executable, found.name) or Version("0"),
        default=None,
    )


def release_version(executable: str, tag: str) -> Version | None:
    """The version that a release tag names; None for every other tag, however it looks."""
    text = version_of_tag(executable, tag)
    try:
        return Version(text) if text else None
    except InvalidVersion:
        return None


def repository_address(root: Path, remote: str | None) -> str | None:
    """The repository's page, such as `https://github.com/owner/name`; None for a remote that is a folder.

    A user name or a password in the remote's own address is left out.
    """
    address = _answer(root, "remote", "get-url", "--", remote) if remote else None
    match = _ADDRESS.fullmatch(address or "")
    return f"https://{match['host'] or match['short']}/{match['path'].removesuffix('.git')}" if match else None


def commit_of(root: Path, revision: str) -> str | None:
    """The commit that a full reference such as `refs/tags/…` stands at, or None where there is none."""
    return _answer(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


def git(root: Path, *args: str) -> str:
    """What a reading git command prints. Raises `CommandFailedError` and `MissingToolError`."""
    return capture(["git", *args], cwd=root, env=READING)


# https://…, ssh://… and git's short form `user@host:path`.
_ADDRESS: Final = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^/@]*@)?(?P<host>[A-Za-z0-9.-]+)(?::\d+)?/|(?:[\w.-]+@)(?P<short>[A-Za-z0-9.-]+):)"
    r"(?P<path>[\w.-]+/[\w.-]+?)/?"
)


def _local_tags(root: Path) -> tuple[Tag, ...]:
    lines = git(
        root, "for-each-ref", "--format=%(objecttype) %(objectname) %(*objectname) %(refname:strip=2)", "refs/tags"
    )
    tags = []
    for line in lines.splitlines():
        kind, own, peeled, name = line.split(" ", 3)
        tags.append(Tag(name=name, commit=peeled or own, is_annotated=kind == "tag"))
    return tuple(tags)


def _remote_of(root: Path, branch: str | None) -> str | None:
    """The remote that the branch follows, else `origin`, else the only one."""
    remotes = git(root, "remote").splitlines()
    followed = _answer(root, "config", f"branch.{branch}.remote") if branch else None
    for name in (followed, "origin", remotes[0] if len(remotes) == 1 else None):
        if name in remotes:
            return name
    return None


def _answer(root: Path, *args: str) -> str | None:
    """What git prints, or None when it says no."""
    answer = observe(["git", *args], cwd=root, environment=changed_environment(READING), timeout_seconds=60)
    return answer.stdout.strip() if answer.code == 0 else None
