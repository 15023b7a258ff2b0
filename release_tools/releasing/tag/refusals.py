"""Every reason to refuse a release, each found by a pure function of the gathered state."""

import re
from collections.abc import Callable
from typing import Final

from packaging.version import Version

from release_tools.errors import Problem
from release_tools.releasing.git_state import SHALLOW_HINT, Remote, release_version
from release_tools.releasing.notes.foreign_text import printable, quoted
from release_tools.releasing.tag.release_state import ReleaseState
from release_tools.versions import release_tag

_SHOWN_FILES: Final = 5


def find_refusals(state: ReleaseState) -> list[Problem]:
    """Everything that has to be mended before this commit can be released."""
    # With the tag on the remote, at this very commit, the release is under way and nothing is left to refuse but
    # another tag's name.
    finders = (_tag_problems,) if state.is_pushed else _FINDERS
    return [problem for find in finders for problem in find(state)]


def _tag_problems(state: ReleaseState) -> list[Problem]:
    right = release_tag(state.executable, state.project_version)
    if state.wanted != right:
        return [
            Problem(
                what=f"the tag {printable(state.wanted)!r} is not {right!r}, which the version in pyproject.toml "
                "calls for",
                hint=f"use --tag {quoted(right)} or plain --tag, or change version in pyproject.toml first",
            )
        ]
    if _version_of(state) is None:
        return [
            Problem(
                what=f"{printable(state.project_version)!r} in pyproject.toml cannot be the version of a tag",
                hint="write a version of PEP 440 such as 1.2.3 or 1.3.0rc1",
            )
        ]
    return []


def _taken_problems(state: ReleaseState) -> list[Problem]:
    here, there, commit = state.tag_here, state.tag_there, state.clone.commit
    name, problems = printable(state.wanted), []
    take_away = f"git tag -d {quoted(state.wanted)}"
    if there and there.commit != commit:
        problems.append(
            Problem(
                what=f"the tag {name} is taken on the remote: it stands at {there.commit[:7]}, and this is "
                f"{commit[:7]}",
                hint="raise version in pyproject.toml for another release, or check that commit out to look at its own",
            )
        )
    if here and here.commit != commit and (there is None or there.commit != here.commit):
        problems.append(
            Problem(
                what=f"the tag {name} is taken in this clone: it stands at {here.commit[:7]}, and this is {commit[:7]}",
                hint=f"when it was never pushed, take it away: {take_away}",
            )
        )
    if here and there is None and here.commit == commit and not here.is_annotated:
        problems.append(
            Problem(
                what=f"the tag {name} in this clone is a lightweight one, without a date and a name",
                hint=f"take it away, and this command makes an annotated one: {take_away}",
            )
        )
    return problems


def _version_of(state: ReleaseState) -> Version | None:
    """The version of the tag that was asked for; None when it cannot be the name of a tag."""
    fits = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", state.wanted)
    # `git help check-ref-format` forbids these.
    is_forbidden = re.search(r"\.\.|\.lock$|\.$", state.wanted)
    return release_version(state.executable, state.wanted) if fits and not is_forbidden else None


def _version_problems(state: ReleaseState) -> list[Problem]:
    version = _version_of(state)
    names = {tag.name for tag in (*state.clone.tags, *(state.remote.tags if state.remote else ()))} - {state.wanted}
    released = {found: name for name in names if (found := release_version(state.executable, name))}
    if version is None or not released or max(released) < version:
        return []
    highest = max(released)
    return [
        Problem(
            what=f"version {version} is not higher than {highest} of the release tag {released[highest]}",
            hint="raise version in pyproject.toml, commit and push",
        )
    ]


def _folder_problems(state: ReleaseState) -> list[Problem]:
    clone, problems = state.clone, []
    if clone.changed_files:
        more = len(clone.changed_files) - _SHOWN_FILES
        shown = ", ".join(printable(name, 80) for name in clone.changed_files[:_SHOWN_FILES])
        problems.append(
            Problem(
                what=f"the folder has uncommitted changes: {shown}{f' and {more} more' if more > 0 else ''}",
                hint="commit or stash them; `git status` lists them",
            )
        )
    if clone.is_shallow:
        problems.append(
            Problem(
                what="the clone is shallow, so the last release and the commits since cannot be told",
                hint=SHALLOW_HINT,
            )
        )
    if not clone.has_identity:
        problems.append(
            Problem(
                what="git does not know in whose name to make the tag",
                hint='git config --global user.name "Your Name"; git config --global user.email you@example.org',
            )
        )
    return problems


def _remote_problems(state: ReleaseState) -> list[Problem]:
    if state.clone.remote is None:
        return [
            Problem(
                what="this clone has no remote to push a tag to",
                hint="git remote add origin <address>; where there are several, let the branch follow one: "
                "git branch --set-upstream-to=<remote>/<branch>",
            )
        ]
    return list(state.remote_problems)


def _branch_problems(state: ReleaseState) -> list[Problem]:
    branch, remote = state.clone.branch, state.remote
    target = (remote.default_branch if remote else None) or "main"
    if branch is None:
        return [
            Problem(
                what="HEAD is detached: the commit is on no branch",
                hint=f"git switch {quoted(target)}",
            )
        ]
    if remote is None:
        return []
    if remote.default_branch not in {None, branch}:
        return [
            Problem(
                what=f"the branch is {printable(branch)}, and releases are made from {printable(target)}",
                hint=f"merge what is to be released, then: git switch {quoted(target)}",
            )
        ]
    return _distance_problems(state, remote, branch)


def _distance_problems(state: ReleaseState, remote: Remote, branch: str) -> list[Problem]:
    if remote.branch_commit == state.clone.commit:
        return []
    place = f"{printable(state.clone.remote or '')}/{printable(branch)}"
    if remote.branch_commit is None:
        push = f"git push -u {quoted(state.clone.remote or '')} {quoted(branch)}"
        return [Problem(what=f"the branch {printable(branch)} was never pushed", hint=push)]
    if state.apart is None:
        return [
            Problem(
                what=f"{place} stands at {remote.branch_commit[:7]}, a commit that this clone does not have",
                hint="git pull, then look at what came",
            )
        ]
    ahead, behind = state.apart
    problems = []
    if ahead:
        problems.append(Problem(what=f"{_commits(ahead)} not pushed to {place}", hint="git push"))
    if behind:
        problems.append(Problem(what=f"{_commits(behind)} on {place} only", hint="git pull, then look at what came"))
    return problems


def _commits(count: int) -> str:
    return "1 commit is" if count == 1 else f"{count} commits are"


def _project_problems(state: ReleaseState) -> list[Problem]:
    return list(state.project_problems)


_FINDERS: Final[tuple[Callable[[ReleaseState], list[Problem]], ...]] = (
    _tag_problems,
    _taken_problems,
    _version_problems,
    _folder_problems,
    _remote_problems,
    _branch_problems,
    _project_problems,
)
