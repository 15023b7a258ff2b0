"""The state of this clone and its remote, as git reports it. Everything here is read-only."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.version import Version

from release_tools.errors import CommandFailedError, NoCommitError
from release_tools.processes.run import changed_environment, observe
from release_tools.releasing.errors import RemoteUnreachableError
from release_tools.releasing.release_versions import release_version
from release_tools.repository import GIT_ENVIRONMENT, git, is_checkout

_REMOTE_TIMEOUT_SECONDS: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag and the commit it points to."""

    name: str
    commit: str
    is_annotated: bool


@dataclass(frozen=True, kw_only=True)
class Clone:
    """The clone to release from. `branch` is None for a detached HEAD, and `remote` where there is none.

    `url` is where git fetches from, and `push_urls` are where it pushes to.
    """

    commit: str
    subject: str
    branch: str | None
    remote: str | None
    url: str
    push_urls: tuple[str, ...]
    changed_files: tuple[str, ...]
    tags: tuple[Tag, ...]
    is_shallow: bool
    has_identity: bool


@dataclass(frozen=True, kw_only=True)
class Remote:
    """The remote's state. `default_branch` is None if its HEAD is unset, `branch_commit` if it lacks the branch."""

    default_branch: str | None
    branch_commit: str | None
    tags: tuple[Tag, ...]


def read_clone(root: Path) -> Clone:
    """The state of the clone at `root`. Raises `NoCommitError`, or `MissingToolError` without git."""
    try:
        header, _, subject = git(root, "rev-list", "--max-count=1", "--format=%s", "HEAD").strip().partition("\n")
    except CommandFailedError as error:
        if "dubious ownership" in error.what:
            raise
        raise NoCommitError(root) from None
    branch = _try_git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    remote = _remote_of(root, branch)
    push_urls = _try_git(root, "remote", "get-url", "--push", "--all", "--", remote) if remote else None
    # Without --no-optional-locks, `git status` refreshes the index.
    options = ["--porcelain", "-z", "--no-renames", "--untracked-files=normal"]
    status = git(root, "--no-optional-locks", "status", *options).split("\0")
    return Clone(
        commit=header.removeprefix("commit "),
        subject=subject,
        branch=branch,
        remote=remote,
        url=(_try_git(root, "remote", "get-url", "--", remote) if remote else None) or "",
        push_urls=tuple((push_urls or "").splitlines()),
        changed_files=tuple(entry[3:] for entry in status if entry),
        tags=_local_tags(root),
        is_shallow=git(root, "rev-parse", "--is-shallow-repository").strip() == "true",
        has_identity=_try_git(root, "var", "GIT_COMMITTER_IDENT") is not None,
    )


def read_remote(root: Path, remote: str, branch: str | None) -> Remote:
    """The remote's state, read from the remote itself: this clone's remote-tracking branches may be old.

    Raises `RemoteUnreachableError`.
    """
    args = ["git", "ls-remote", "--symref", "--", remote, "HEAD", "refs/heads/*", "refs/tags/*"]
    environment = changed_environment(GIT_ENVIRONMENT)
    answer = observe(args, cwd=root, environment=environment, timeout_seconds=_REMOTE_TIMEOUT_SECONDS)
    if answer.code != 0:
        lines = answer.stderr.strip().splitlines()
        raise RemoteUnreachableError(remote, lines[0] if lines else f"git exited with code {answer.code}")
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


def ahead_behind(root: Path, commit: str, other: str) -> tuple[int, int] | None:
    """How many commits `commit` is ahead of and behind `other`; None if the clone lacks `other`."""
    if _try_git(root, "cat-file", "-e", f"{other}^{{commit}}") is None:
        return None
    ahead, behind = git(root, "rev-list", "--left-right", "--count", f"{commit}...{other}", "--").split()
    return int(ahead), int(behind)


def count_commits(root: Path, commit: str, since: str | None) -> int:
    """The number of commits up to `commit`, since `since` if given, without merges."""
    revisions = [commit, *([f"^{since}"] if since else [])]
    return int(git(root, "rev-list", "--no-merges", "--count", *revisions, "--"))


def last_release(root: Path, executable: str, commit: str, tag: str) -> Tag | None:
    """The release tag with the highest version in the history of `commit`, other than `tag`."""
    reachable = git(root, "tag", "--list", "--merged", commit, "--format=%(refname:strip=2)").splitlines()
    found = [found for found in _local_tags(root) if found.name in reachable and found.name != tag]
    return max(
        (found for found in found if release_version(executable, found.name)),
        key=lambda found: release_version(executable, found.name) or Version("0"),
        default=None,
    )


def repository_url(root: Path, remote: str | None) -> str | None:
    """The repository's page, such as `https://github.com/owner/name`; None for a remote that is a folder.

    A user name or password in the remote's URL is left out.
    """
    return page_of_url((_try_git(root, "remote", "get-url", "--", remote) if remote else None) or "")


def page_of_url(url: str) -> str | None:
    """The page of the repository that a git URL is for; None for anything but a repository on a server."""
    match = _REMOTE_URL.fullmatch(url)
    if match is None:
        return None
    host = str(match["host"] or match["short"]).lower()
    # GitHub's SSH server for networks that block port 22.
    host = "github.com" if host == "ssh.github.com" else host
    return f"https://{host}/{match['path'].removesuffix('.git')}"


def github_repository(root: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The GitHub repository of the branch's remote, such as `github.com/owner/name`.

    None where only gh can tell: without a remote, for a host that isn't known to be GitHub's, or an alias of SSH's.
    """
    if not is_checkout(root):
        return None
    remote = _remote_of(root, _try_git(root, "symbolic-ref", "--quiet", "--short", "HEAD"))
    name = (repository_url(root, remote) or "").removeprefix("https://")
    return name if is_github_host(name.partition("/")[0], environment) else None


def is_github_host(host: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a host is known to be GitHub's."""
    return host == "github.com" or host.endswith(".ghe.com") or (host != "" and host == environment.get("GH_HOST"))


def tag_commit(root: Path, tag: str) -> str | None:
    """The commit of a tag in this clone, or None when there is no such tag."""
    return _try_git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/tags/{tag}^{{commit}}")


# https://…, ssh://… and git's scp-like form `user@host:path`.
_REMOTE_URL: Final = re.compile(
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
    """The remote that the branch tracks, else `origin`, else the only one."""
    remotes = git(root, "remote").splitlines()
    upstream = _try_git(root, "config", f"branch.{branch}.remote") if branch else None
    for name in (upstream, "origin", remotes[0] if len(remotes) == 1 else None):
        if name in remotes:
            return name
    return None


def _try_git(root: Path, *args: str) -> str | None:
    """What git prints, or None when it fails."""
    try:
        return git(root, *args).strip()
    except CommandFailedError:
        return None
