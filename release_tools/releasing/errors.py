"""Failures of a release that a person can act on. They follow the form of `release_tools.errors`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from release_tools.errors import Problem, ProblemsFoundError, ReleaseError

_AGAIN: Final = "nothing unfinished is public; run the same command again, and it goes on where it stopped"


class ReleaseFilesError(ProblemsFoundError):
    """The folder does not hold exactly the files of the release; nothing was sent."""

    def __init__(self, folder: Path, problems: Sequence[Problem]) -> None:
        super().__init__(f"the release files in {folder}", problems)


class PublishError(ProblemsFoundError):
    """What is on GitHub does not allow to publish this release; nothing was changed there."""

    def __init__(self, tag: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"cannot publish {tag!r}", problems)


class DiscardError(ProblemsFoundError):
    """A release or tag must not be taken away just so; nothing was changed."""

    def __init__(self, tag: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"cannot discard {tag!r}", problems)


class DiscardDeclinedError(ReleaseError):
    """The person who was asked did not say yes."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"{tag} was not taken away: the answer was not its name", "nothing was changed")


class PublisherRunningError(ReleaseError):
    """Another publisher works from the same folder."""

    def __init__(self, lock: Path) -> None:
        super().__init__(
            f"another `invoke publish` is running in this folder (it holds {lock})",
            "wait until it has ended; the lock goes away with it",
        )


class NotSignedInError(ReleaseError):
    """`gh` has no token."""

    def __init__(self) -> None:
        super().__init__(
            "gh is not signed in to GitHub",
            "run `gh auth login`; in a workflow give the step `env: GH_TOKEN: ${{ github.token }}`",
        )


class NoRepositoryError(ReleaseError):
    """`gh` cannot tell which repository is meant."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"gh does not know which repository on GitHub this is: {detail}",
            "run it in a clone whose remote is on GitHub, or set GH_REPO=OWNER/NAME",
        )


class GitHubUnreachableError(ReleaseError):
    """The network or GitHub was in trouble for longer than is waited."""

    def __init__(self, request: str, trouble: str, tries: int) -> None:
        super().__init__(f"GitHub: {request} failed {tries} times, at last with: {trouble}", _AGAIN)


class RateLimitError(ReleaseError):
    """GitHub wants no more requests for a time that is too long to wait."""

    def __init__(self, seconds: float) -> None:
        minutes = math.ceil(seconds / 60)
        super().__init__(
            f"GitHub takes no more requests for {minutes} minutes (rate limit)", f"after that time, {_AGAIN}"
        )


class GitHubRefusedError(ReleaseError):
    """GitHub understood a request and said no."""

    def __init__(self, action: str, status: int, message: str) -> None:
        hints = {
            401: "the token is wrong or has expired: `gh auth status` tells which one is used",
            403: "the token may not do this: it needs `contents: write` for the repository",
            404: "check the repository, and that the token has `contents: write`: GitHub hides what it may not see",
        }
        self.status = status
        self.message = message
        super().__init__(f"GitHub refused to {action}: HTTP {status}: {message!r}", hints.get(status, _AGAIN))


class UnclearOutcomeError(ReleaseError):
    """A request may or may not have been carried out: look again before doing anything else."""

    def __init__(self, request: str, trouble: str) -> None:
        super().__init__(f"GitHub: whether {request} was done is not known: {trouble}", _AGAIN)


class BurnedTagError(ReleaseError):
    """The tag's name belonged to an immutable release once, and GitHub never gives it again."""

    def __init__(self, tag: str) -> None:
        super().__init__(
            f"the tag {tag!r} was used by an immutable release, and GitHub never lets it be used again",
            "raise the version in pyproject.toml and release that one; `invoke discard` takes the draft away",
        )


class UnsettledError(ReleaseError):
    """After many rounds GitHub still does not hold what was sent."""

    def __init__(self, tag: str, rounds: int, last: str) -> None:
        super().__init__(f"{tag!r} is not published after {rounds} rounds; the last trouble: {last}", _AGAIN)


class ReportOutputError(ReleaseError):
    """A report cannot be written to the file that was asked for."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}", "name a file in a folder that is there, such as docs/builds.md")


class TagNotMadeError(ReleaseError):
    """Git could not make the tag of a release."""

    def __init__(self, tag: str) -> None:
        super().__init__(
            f"the tag {tag} was not made; nothing was changed",
            "git says above why; mend it, then run the same command again",
        )


class TagNotPushedError(ReleaseError):
    """The tag of a release is made and has not arrived at the remote."""

    def __init__(self, tag: str, remote: str) -> None:
        super().__init__(
            f"the tag {tag} is made, and {remote} does not have it at this commit",
            "git says above why; run the same command again, which only pushes, or take the tag back: "
            f"git tag -d {tag}",
        )


class NoRunError(ReleaseError):
    """GitHub started no run for a tag."""

    def __init__(self, tag: str, place: str, seconds: float) -> None:
        super().__init__(
            f"{seconds:.0f} s after the push GitHub shows no run for {tag}",
            f"look at {place}: workflows may be switched off, or none of them may start on such a tag",
        )


class ReleaseRunFailedError(ReleaseError):
    """The run of a release ended without success."""

    def __init__(self, number: int, address: str) -> None:
        super().__init__(
            f"the run {address} failed; nothing was published by halves",
            f"`gh run view {number} --log-failed` tells why; `gh run rerun {number} --failed` tries again what failed",
        )


class ShallowCloneError(ReleaseError):
    """The clone lacks the commits since the last release."""

    def __init__(self, root: Path, hint: str) -> None:
        super().__init__(f"{root} is a shallow clone, so the changes since the last release cannot be told", hint)


class ChecksFailedError(ReleaseError):
    """Something in the project or on this machine stands in the way of a release."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"{len(names)} of the checks failed: {', '.join(names)}",
            "the list above says what to do about each",
        )


class RemoteRunError(ReleaseError):
    """A run of a workflow on GitHub is not one to wait for, or cannot be waited for."""

    def __init__(self, number: int, why: str, hint: str) -> None:
        super().__init__(f"run {number} on GitHub: {why}", hint)


class RemoteBuildFailedError(ReleaseError):
    """GitHub could not build what was asked for."""

    def __init__(self, number: int, address: str) -> None:
        super().__init__(
            f"the build on GitHub failed: {address}; dist/ is as it was",
            f"`gh run view {number} --log-failed` shows why; after `gh run rerun {number} --failed`, take it up with "
            f"`--run {number}`",
        )


class WrongArtifactError(ReleaseError):
    """What a run left on GitHub is not an archive with its checksum."""

    def __init__(self, name: str, number: int, missing: Sequence[str]) -> None:
        super().__init__(
            f"the artifact {name!r} of run {number} lacks {', '.join(missing)}; dist/ is as it was",
            "build the same version that is asked for here, with the same workflow",
        )
