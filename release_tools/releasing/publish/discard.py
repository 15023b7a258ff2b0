"""`invoke discard`: deletes a test release and its tag, on GitHub and in this clone."""

from collections.abc import Callable
from dataclasses import dataclass

from release_tools.errors import Problem
from release_tools.processes.run import capture
from release_tools.releasing.errors import DiscardDeclinedError, DiscardError
from release_tools.releasing.git_state import tag_commit
from release_tools.releasing.github.releases import GitHubRepository, Release
from release_tools.releasing.release_versions import is_prerelease
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag


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
    releases. Raises `DiscardError` or `DiscardDeclinedError` before anything is changed.
    """
    targets = _read_targets(settings, github, tag)
    if not targets.lines:
        say(f"there is nothing to delete for {tag}")
        return
    for line in targets.lines:
        say(f"to delete: {line}")
    problems = _problems(targets, can_ask=ask is not None, is_confirmed=is_confirmed)
    if problems:
        raise DiscardError(tag, problems)
    if not is_confirmed and ask is not None and ask(f"Type {tag} to delete all of this: ").strip() != tag:
        raise DiscardDeclinedError(tag)
    for release in targets.releases:
        github.delete_release(release)
    if targets.remote_commit:
        github.delete_tag(tag)
    if targets.local_commit:
        capture(["git", "tag", "--delete", tag], cwd=settings.root)
    say(f"deleted {tag}")


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
