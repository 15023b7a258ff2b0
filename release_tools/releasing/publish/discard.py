"""`invoke discard`: takes a test release and its tag away again, from GitHub and from this clone."""

from collections.abc import Callable
from dataclasses import dataclass

from release_tools.errors import Problem
from release_tools.processes.run import capture
from release_tools.releasing.errors import DiscardDeclinedError, DiscardError
from release_tools.releasing.git_state import commit_of
from release_tools.releasing.github.releases import GitHub, Release
from release_tools.releasing.publish.release_text import is_prerelease
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag


@dataclass(frozen=True, kw_only=True)
class Discard:
    """What there is of a release. The commits are those of the tag, on GitHub and here; None where there is none."""

    tag: str
    version: str
    releases: tuple[Release, ...]
    commit_on_github: str | None
    commit_here: str | None

    @property
    def lines(self) -> list[str]:
        """What would be taken away, one thing a line."""
        found = [
            f"the {'draft' if release.is_draft else 'public release'} {release.id} with {len(release.assets)} files"
            for release in self.releases
        ]
        found += [f"the tag {self.tag} on GitHub, at {self.commit_on_github}"] if self.commit_on_github else []
        found += [f"the tag {self.tag} in this clone, at {self.commit_here}"] if self.commit_here else []
        return found


def discard(
    settings: ReleaseSettings,
    github: GitHub,
    tag: str,
    say: Callable[[str], None],
    *,
    ask: Callable[[str], str] | None,
    is_sure: bool,
) -> None:
    """Take everything of `tag` away, in an order that can be gone through again after an interruption.

    `ask` puts a question to a person, and is None where nobody is there; `is_sure` stands for their consent, and for
    that to taking a stable release away from its users.

    Raises `DiscardError` or `DiscardDeclinedError` before anything is changed, and the errors of the requests.
    """
    found = read_discard(settings, github, tag)
    if not found.lines:
        say(f"there is nothing of {tag}")
        return
    for line in found.lines:
        say(f"to take away: {line}")
    problems = discard_problems(found, can_ask=ask is not None, is_sure=is_sure)
    if problems:
        raise DiscardError(tag, problems)
    if not is_sure and ask is not None and ask(f"Type {tag} to take all of this away: ").strip() != tag:
        raise DiscardDeclinedError(tag)
    for release in found.releases:
        github.delete_release(release)
    if found.commit_on_github:
        github.delete_tag(tag)
    if found.commit_here:
        capture(["git", "tag", "--delete", tag], cwd=settings.root)
    say(f"nothing is left of {tag}")


def read_discard(settings: ReleaseSettings, github: GitHub, tag: str) -> Discard:
    """What there is of the tag. Raises `DiscardError` for a tag that is not one of this project's releases."""
    version = version_of_tag(settings.executable, tag)
    if version is None:
        hint = f"name one such as {release_tag(settings.executable, '1.2.3')}"
        raise DiscardError(tag, [Problem(what="it is not the tag of a release of this project", hint=hint)])
    return Discard(
        tag=tag,
        version=version,
        releases=tuple(release for release in github.releases() if release.tag == tag),
        commit_on_github=github.commit_of_tag(tag),
        commit_here=commit_of(settings.root, f"refs/tags/{tag}"),
    )


def discard_problems(found: Discard, *, can_ask: bool, is_sure: bool) -> list[Problem]:
    """Why it must not be taken away just so; nothing is wrong for one who is sure."""
    if is_sure:
        return []
    public = [release for release in found.releases if not release.is_draft]
    problems = []
    if public and not is_prerelease(found.version):
        what = f"{found.version} is a stable release that is public: users may depend on it"
        problems.append(Problem(what=what, hint="release a higher version instead, or add --yes-really"))
    if any(release.is_immutable for release in public):
        what = "the release is immutable: GitHub will never let the name of its tag be used again"
        problems.append(Problem(what=what, hint="release a higher version instead, or add --yes-really"))
    if not can_ask:
        what = "nobody can be asked, since the standard input is no terminal"
        problems.append(Problem(what=what, hint="run it in a terminal, or add --yes-really"))
    return problems
