"""`invoke discard`: deletes a test release and its tag, on GitHub and in this clone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from release_tools.errors import Problem
from release_tools.processes.run import capture
from release_tools.releasing.errors import (
    ChangedMeanwhileError,
    DiscardDeclinedError,
    DiscardError,
    DiscardIncompleteError,
    GitHubRefusedError,
)
from release_tools.releasing.git_state import tag_commit
from release_tools.releasing.github.releases import GitHubRepository, Release
from release_tools.releasing.release_versions import is_prerelease
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag

# How often what remains is read: GitHub may show what is deleted for a moment.
_MAX_READINGS: Final = 5


@dataclass(frozen=True, kw_only=True)
class DiscardTargets:
    """What exists for a tag. The commits are None where the tag doesn't exist."""

    tag: str
    version: str
    releases: tuple[Release, ...]
    remote_commit: str | None
    local_commit: str | None

    @property
    def lines(self) -> list[str]:
        lines = [
            f"the {'draft' if release.is_draft else 'published release'} {release.id} with {len(release.assets)} assets"
            for release in self.releases
        ]
        lines += [f"the tag {self.tag} on GitHub, at {self.remote_commit}"] if self.remote_commit else []
        lines += [f"the tag {self.tag} in this clone, at {self.local_commit}"] if self.local_commit else []
        return lines


def discard(
    settings: ReleaseSettings,
    github: GitHubRepository,
    tag: str,
    say: Callable[[str], None],
    *,
    ask: Callable[[str], str] | None,
    is_confirmed: bool,
) -> None:
    """Delete the releases and tags of `tag`. After an interruption, the same call deletes the rest.

    `ask` prompts the user, and is None without a terminal; `is_confirmed` skips the prompt and allows deleting stable
    releases. Raises `DiscardError` or `DiscardDeclinedError` before anything is changed, and `DiscardIncompleteError`
    when GitHub still has something afterwards.
    """
    targets = _read_targets(settings, github, tag)
    if not targets.lines:
        say(f"there is nothing to delete for {tag}; GitHub shows drafts only to users with write access")
        return
    for line in targets.lines:
        say(f"to delete: {line}")
    problems = _problems(targets, can_ask=ask is not None, is_confirmed=is_confirmed)
    if problems:
        raise DiscardError(tag, problems)
    if not is_confirmed and ask is not None and ask(f"Type {tag} to delete all of this: ").strip() != tag:
        raise DiscardDeclinedError(tag)
    try:
        _delete(settings, github, targets)
    except KeyboardInterrupt:
        say(f"interrupted: not all of {tag} may be deleted; the same command deletes the rest")
        raise
    say(f"deleted {tag}")


def _delete(settings: ReleaseSettings, github: GitHubRepository, targets: DiscardTargets) -> None:
    """Delete the releases, then the tags: GitHub would turn a release without a tag into a draft."""
    refusals = [_refusal(partial(github.delete_release, release)) for release in targets.releases]
    _require_gone(github, replace(targets, remote_commit=None, local_commit=None), refusals)
    if targets.remote_commit:
        refusal = _refusal(partial(github.delete_tag, targets.tag))
        _require_gone(github, replace(targets, releases=(), local_commit=None), [refusal])
    if targets.local_commit:
        capture(["git", "tag", "--delete", targets.tag], cwd=settings.root)


def _refusal(delete: Callable[[], None]) -> GitHubRefusedError | None:
    """How GitHub refused a deletion: perhaps because it's deleted already."""
    try:
        delete()
    except GitHubRefusedError as error:
        return error
    except ChangedMeanwhileError as error:
        return error.refusal
    return None


def _require_gone(
    github: GitHubRepository, targets: DiscardTargets, refusals: Sequence[GitHubRefusedError | None]
) -> None:
    """Raise `DiscardIncompleteError` when GitHub still has one of the targets."""
    refused = [refusal for refusal in refusals if refusal]
    for reading in range(1, _MAX_READINGS + 1):
        remaining = replace(
            targets,
            releases=tuple(release for release in targets.releases if github.release(release.id)),
            remote_commit=github.tag_commit(targets.tag) if targets.remote_commit else None,
        )
        if not remaining.lines:
            return
        # A refusal doesn't become a deletion by waiting.
        if refused and reading > 1:
            break
        if reading < _MAX_READINGS:
            github.api.back_off(reading, f"deleted, but still on GitHub: {', '.join(remaining.lines)}")
    raise DiscardIncompleteError(targets.tag, remaining.lines, refused)


def _read_targets(settings: ReleaseSettings, github: GitHubRepository, tag: str) -> DiscardTargets:
    """What exists for a tag. Raises `DiscardError` when it isn't a release tag of this project."""
    version = version_of_tag(settings.executable, tag)
    if version is None:
        hint = f"use a tag such as {release_tag(settings.executable, '1.2.3')}"
        raise DiscardError(tag, [Problem(what="it isn't a release tag of this project", hint=hint)])
    return DiscardTargets(
        tag=tag,
        version=version,
        releases=tuple(release for release in github.releases() if release.tag == tag),
        remote_commit=github.tag_commit(tag),
        local_commit=tag_commit(settings.root, tag),
    )


def _problems(targets: DiscardTargets, *, can_ask: bool, is_confirmed: bool) -> list[Problem]:
    """Why the release must not be deleted without --yes-really."""
    if is_confirmed:
        return []
    published = [release for release in targets.releases if not release.is_draft]
    hint = "release a higher version instead, or add --yes-really"
    problems = []
    if published and not is_prerelease(targets.version):
        problems.append(
            Problem(what=f"{targets.version} is a published stable release; users may rely on it", hint=hint)
        )
    if any(release.is_immutable for release in published):
        problems.append(Problem(what="the release is immutable: GitHub won't accept its tag again", hint=hint))
    if not can_ask:
        what = "can't ask for confirmation: standard input isn't a terminal"
        problems.append(Problem(what=what, hint="run it in a terminal, or add --yes-really"))
    return problems
