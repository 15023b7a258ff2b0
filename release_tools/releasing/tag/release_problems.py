"""Every problem that forbids a release, each found by a pure function of the state."""

import re
from collections.abc import Callable
from shlex import quote
from typing import Final

from packaging.version import Version

from release_tools.errors import Problem
from release_tools.releasing.errors import ShallowCloneError
from release_tools.releasing.git_state import Remote, page_of_url
from release_tools.releasing.release_versions import release_version
from release_tools.releasing.tag.release_state import ReleaseState
from release_tools.versions import release_tag

_MAX_SHOWN_FILES: Final = 5


def release_problems(state: ReleaseState) -> list[Problem]:
    """Everything that must be fixed before this commit can be released."""
    # Once the tag is on the remote at this commit, the release is under way, and only the tag's name can be wrong.
    finders = (_tag_name_problems,) if state.is_pushed else _FINDERS
    return [problem for find in finders for problem in find(state)]


def _tag_name_problems(state: ReleaseState) -> list[Problem]:
    expected = release_tag(state.executable, state.project_version)
    if state.tag != expected:
        return [
            Problem(
                what=f"the tag for the version in pyproject.toml is {expected!r}, not {state.tag!r}",
                hint=f"use --tag {quote(expected)} or --tag alone, or change the version in pyproject.toml first",
            )
        ]
    if _tag_version(state) is None:
        return [
            Problem(
                what=f"the version {state.project_version!r} in pyproject.toml can't be part of a git tag",
                hint="use a PEP 440 version such as 1.2.3 or 1.3.0rc1",
            )
        ]
    return []


def _existing_tag_problems(state: ReleaseState) -> list[Problem]:
    local, remote, commit = state.local_tag, state.remote_tag, state.clone.commit
    delete = f"git tag -d {quote(state.tag)}"
    problems = []
    if remote and remote.commit != commit:
        problems.append(
            Problem(
                what=f"the tag {state.tag} already exists on the remote, at {remote.commit[:7]}, not at {commit[:7]}",
                hint="bump the version in pyproject.toml, or check out that commit to follow its release",
            )
        )
    if local and local.commit != commit and (remote is None or remote.commit != local.commit):
        problems.append(
            Problem(
                what=f"the tag {state.tag} already exists in this clone, at {local.commit[:7]}, not at {commit[:7]}",
                hint=f"if it was never pushed, delete it: {delete}",
            )
        )
    if local and remote is None and local.commit == commit and not local.is_annotated:
        problems.append(
            Problem(
                what=f"the tag {state.tag} in this clone is lightweight, not annotated",
                hint=f"delete it, and `invoke release --tag` creates an annotated one: {delete}",
            )
        )
    return problems


def _tag_version(state: ReleaseState) -> Version | None:
    """The tag's version; None when git or GitHub would not accept the tag's name."""
    is_plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", state.tag)
    # See `git help check-ref-format`.
    is_forbidden = re.search(r"\.\.|\.lock$|\.$", state.tag)
    return release_version(state.executable, state.tag) if is_plain and not is_forbidden else None


def _version_problems(state: ReleaseState) -> list[Problem]:
    version = _tag_version(state)
    names = {tag.name for tag in (*state.clone.tags, *(state.remote.tags if state.remote else ()))} - {state.tag}
    released = {found: name for name in names if (found := release_version(state.executable, name))}
    if version is None or not released or max(released) < version:
        return []
    highest = max(released)
    return [
        Problem(
            what=f"version {version} is not higher than that of the release tag {released[highest]}",
            hint="bump the version in pyproject.toml, commit and push",
        )
    ]


def _clone_problems(state: ReleaseState) -> list[Problem]:
    clone, problems = state.clone, []
    if clone.changed_files:
        more = len(clone.changed_files) - _MAX_SHOWN_FILES
        shown = ", ".join(repr(name) for name in clone.changed_files[:_MAX_SHOWN_FILES])
        problems.append(
            Problem(
                what=f"uncommitted changes: {shown}{f' and {more} more' if more > 0 else ''}",
                hint="commit or stash them; `git status` lists them",
            )
        )
    if clone.is_shallow:
        error = ShallowCloneError()
        problems.append(Problem(what=error.what, hint=error.hint))
    if not clone.has_identity:
        problems.append(
            Problem(
                what="git has no user name and email, which an annotated tag needs",
                hint='git config --global user.name "Your Name"; git config --global user.email you@example.org',
            )
        )
    return problems


def _remote_problems(state: ReleaseState) -> list[Problem]:
    if state.clone.remote is None:
        return [
            Problem(
                what="this clone has no remote to push the tag to",
                hint="git remote add origin <url>; with several remotes, set the branch's upstream: "
                "git branch --set-upstream-to=<remote>/<branch>",
            )
        ]
    return [*state.remote_problems, *_server_problems(state), *_push_url_problems(state)]


def _server_problems(state: ReleaseState) -> list[Problem]:
    if state.is_on_github:
        return []
    return [
        Problem(
            what=f"the remote {state.clone.remote} isn't on GitHub, where the release is built: "
            f"{page_of_url(state.clone.url)}",
            hint="set the branch's upstream to a remote on GitHub: git branch --set-upstream-to=<remote>/<branch>; "
            "if it's a GitHub Enterprise server: gh auth login --hostname <host>",
        )
    ]


def _push_url_problems(state: ReleaseState) -> list[Problem]:
    """The tag must be pushed where the release is made, and nowhere else."""
    clone = state.clone
    here = page_of_url(clone.url) or clone.url
    others = [url for url in clone.push_urls if (page_of_url(url) or url).lower() != here.lower()]
    if not others:
        return []
    return [
        Problem(
            what=f"git pushes {clone.remote} to {page_of_url(others[0]) or others[0]}, but fetches it from {here}",
            hint=f"git config --unset-all remote.{quote(clone.remote or '')}.pushurl; `git remote -v` shows both",
        )
    ]


def _branch_problems(state: ReleaseState) -> list[Problem]:
    branch, remote = state.clone.branch, state.remote
    release_branch = (remote.default_branch if remote else None) or "main"
    if branch is None:
        return [Problem(what="detached HEAD: no branch is checked out", hint=f"git switch {quote(release_branch)}")]
    if remote is None:
        return []
    if remote.default_branch not in {None, branch}:
        return [
            Problem(
                what=f"the branch is {branch}, but releases are made from {release_branch}",
                hint=f"merge the branch, then: git switch {quote(release_branch)}",
            )
        ]
    return _divergence_problems(state, remote, branch)


def _divergence_problems(state: ReleaseState, remote: Remote, branch: str) -> list[Problem]:
    if remote.branch_commit == state.clone.commit:
        return []
    upstream = f"{state.clone.remote}/{branch}"
    if remote.branch_commit is None:
        push = f"git push -u {quote(state.clone.remote or '')} {quote(branch)}"
        return [Problem(what=f"the branch {branch} isn't on the remote", hint=push)]
    if state.ahead_behind is None:
        return [
            Problem(
                what=f"{upstream} is at {remote.branch_commit[:7]}, a commit that this clone doesn't have",
                hint="git pull, and review what changed",
            )
        ]
    ahead, behind = state.ahead_behind
    problems = []
    if ahead:
        problems.append(Problem(what=f"the branch is ahead of {upstream} by {_commits(ahead)}", hint="git push"))
    if behind:
        hint = "git pull, and review what changed"
        problems.append(Problem(what=f"the branch is behind {upstream} by {_commits(behind)}", hint=hint))
    return problems


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count} commits"


def _project_problems(state: ReleaseState) -> list[Problem]:
    return list(state.project_problems)


_FINDERS: Final[tuple[Callable[[ReleaseState], list[Problem]], ...]] = (
    _tag_name_problems,
    _existing_tag_problems,
    _version_problems,
    _clone_problems,
    _remote_problems,
    _branch_problems,
    _project_problems,
)
