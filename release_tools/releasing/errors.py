"""Errors of a release. Each keeps the fields that its message and hint are made from."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from release_tools.errors import Problem, ProblemsFoundError, ReleaseError
from release_tools.releasing.github.refusals import RESUME, refusal_hint


class ReleaseFilesError(ProblemsFoundError):
    """A folder doesn't contain exactly the files of the release."""

    def __init__(self, folder: Path, problems: Sequence[Problem]) -> None:
        self.folder = folder
        super().__init__(f"invalid release files in {folder}", problems)


class PublishError(ProblemsFoundError):
    """The tag, the files or the state on GitHub forbids publishing; nothing was changed on GitHub."""

    def __init__(self, tag: str, problems: Sequence[Problem]) -> None:
        self.tag = tag
        super().__init__(f"cannot publish {tag!r}", problems)


class DiscardError(ProblemsFoundError):
    """A release or tag is protected from deletion; nothing was changed."""

    def __init__(self, tag: str, problems: Sequence[Problem]) -> None:
        self.tag = tag
        super().__init__(f"cannot discard {tag!r}", problems)


class DiscardDeclinedError(ReleaseError):
    """The user didn't confirm the deletion."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        super().__init__(f"{tag} was not deleted: you didn't confirm it", "run the same command again and type the tag")


class PublishLockedError(ReleaseError):
    """Another `invoke publish` is running in the same clone."""

    def __init__(self, lock: Path) -> None:
        self.lock = lock
        super().__init__(
            f"another `invoke publish` is running in this clone (lock file: {lock})", "wait for it to finish"
        )


class NotLoggedInError(ReleaseError):
    """`gh` has no token."""

    def __init__(self) -> None:
        super().__init__(
            "gh isn't logged in to GitHub",
            "run `gh auth login`; in a workflow, add `env: GH_TOKEN: ${{ github.token }}` to the step",
        )


class UnknownRepositoryError(ReleaseError):
    """`gh` can't determine the GitHub repository."""

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(
            f"gh can't determine the GitHub repository: {detail}",
            "run it in a clone with a remote on GitHub, or set GH_REPO=OWNER/NAME",
        )


class RemoteUnreachableError(ReleaseError):
    """Git can't read from a remote."""

    def __init__(self, remote: str, detail: str) -> None:
        self.remote = remote
        self.detail = detail
        super().__init__(
            f"can't read from the remote {remote!r}: {detail}",
            f"check the network, the URL and your access: git ls-remote {shlex.quote(remote)}",
        )


class GitHubUnreachableError(ReleaseError):
    """A request still failed after the last retry."""

    def __init__(self, request: str, cause: str, attempts: int) -> None:
        self.request = request
        self.cause = cause
        self.attempts = attempts
        super().__init__(f"GitHub: {request} failed after {attempts} attempts: {cause}", RESUME)


class RateLimitError(ReleaseError):
    """GitHub's rate limit resets too late to wait for it."""

    def __init__(self, seconds: float) -> None:
        self.minutes = math.ceil(seconds / 60)
        super().__init__(
            f"GitHub's rate limit is exceeded and resets in {self.minutes} minutes",
            f"wait, then {RESUME}",
        )


class WaitBudgetError(ReleaseError):
    """The time that a command may wait for GitHub is used up."""

    def __init__(self, budget_seconds: float, cause: str) -> None:
        self.budget_seconds = budget_seconds
        self.cause = cause
        super().__init__(
            f"gave up after waiting {budget_seconds / 60:.0f} minutes in all for GitHub: {cause}",
            f"https://www.githubstatus.com shows whether GitHub has an incident; later, {RESUME}",
        )


class GitHubRefusedError(ReleaseError):
    """GitHub refused a request."""

    def __init__(self, action: str, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.action = action
        self.status = status
        self.message = message
        super().__init__(
            f"GitHub refused to {action}: HTTP {status}: {message!r}", refusal_hint(status, message, headers or {})
        )


class UnclearOutcomeError(ReleaseError):
    """A request may have succeeded: read GitHub's state again before the next one."""

    def __init__(self, request: str, cause: str) -> None:
        self.request = request
        self.cause = cause
        super().__init__(f"can't tell whether {request} succeeded on GitHub: {cause}", RESUME)


class ChangedMeanwhileError(ReleaseError):
    """GitHub refused a change, perhaps because something else changed since it was read: read it again.

    If nothing did, `refusal` says what is wrong.
    """

    def __init__(self, refusal: GitHubRefusedError) -> None:
        self.refusal = refusal
        super().__init__(f"the release may have changed meanwhile: {refusal.what}", RESUME)


class TagNotReusableError(ReleaseError):
    """An immutable release used the tag, and GitHub never accepts such a tag again."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        super().__init__(
            f"GitHub no longer accepts the tag {tag!r}: an immutable release used it",
            f"bump the version in pyproject.toml and release that; delete the draft with `invoke discard --tag {tag}`",
        )


class PublishIncompleteError(ReleaseError):
    """What was sent to GitHub doesn't show there."""

    def __init__(self, tag: str, cause: str) -> None:
        self.tag = tag
        self.cause = cause
        super().__init__(f"GitHub doesn't show {tag!r} as published: {cause}", RESUME)


class PublicReleaseError(ProblemsFoundError):
    """The tag or a file changed in the moment when the draft was opened. `is_closed` if it's a draft again."""

    def __init__(self, tag: str, url: str, problems: Sequence[Problem], *, is_closed: bool = False) -> None:
        self.tag = tag
        self.url = url
        self.is_closed = is_closed
        closed = "was public for a moment and is a draft again, because it wasn't as intended"
        state = closed if is_closed else "is public, but not as intended"
        super().__init__(f"{tag!r} {state}: {url}", problems)


class DiscardIncompleteError(ReleaseError):
    """Something remains on GitHub after a deletion."""

    def __init__(self, tag: str, remaining: Sequence[str], refusals: Sequence[GitHubRefusedError]) -> None:
        self.tag = tag
        self.remaining = tuple(remaining)
        self.refusals = tuple(refusals)
        causes = "".join(f"; {refusal.what}" for refusal in refusals)
        hint = refusals[0].hint if refusals else RESUME
        super().__init__(f"not all of {tag!r} is deleted; GitHub still has {', '.join(remaining)}{causes}", hint)


class TagNotCreatedError(ReleaseError):
    """Git refused to create the tag of a release."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        super().__init__(
            f"git couldn't create the tag {tag}", "fix what git reported above, then run the same command again"
        )


class TagNotPushedError(ReleaseError):
    """The tag of a release is in the clone but not on the remote."""

    def __init__(self, tag: str, remote: str) -> None:
        self.tag = tag
        self.remote = remote
        super().__init__(
            f"the tag {tag} exists in this clone, but not on {remote} at this commit",
            "fix what git reported above, then run the same command again to push the tag; "
            f"to delete it instead: git tag -d {tag}",
        )


class RunNotStartedError(ReleaseError):
    """GitHub started no workflow run for a tag."""

    def __init__(self, tag: str, actions_page: str, seconds: float) -> None:
        self.tag = tag
        super().__init__(
            f"no workflow run for {tag} appeared within {seconds:.0f} s of the push",
            f"look at {actions_page}: workflows may be disabled, or none is triggered by this tag",
        )


# What GitHub's conclusion of a run means, and what to do.
# https://docs.github.com/en/rest/actions/workflow-runs
_ENDS: Final[Mapping[str, tuple[str, str]]] = {
    "action_required": ("needs an approval", "approve it on GitHub: `gh run view {id} --web`"),
    "cancelled": ("was cancelled", "`gh run rerun {id} --failed` runs the cancelled jobs"),
    "skipped": ("was skipped", "`gh run view {id}` shows the condition that wasn't met"),
    "stale": ("was given up by GitHub", "`gh run rerun {id}` starts it again"),
    "startup_failure": ("could not start", "`gh run view {id}` shows what is wrong with the workflow file"),
    "timed_out": ("timed out", "`gh run view {id} --log-failed` shows where; `gh run rerun {id} --failed` tries again"),
}
_FAILED: Final = (
    "failed",
    "`gh run view {id} --log-failed` shows why; `gh run rerun {id} --failed` reruns the failed jobs",
)


class ReleaseRunFailedError(ReleaseError):
    """The workflow run of a release didn't succeed. `conclusion` is GitHub's word for how it ended."""

    def __init__(self, run_id: int, url: str, conclusion: str) -> None:
        self.run_id = run_id
        self.conclusion = conclusion
        end, hint = _ENDS.get(conclusion, _FAILED)
        super().__init__(f"the workflow run of the release {end}: {url}", hint.format(id=run_id))


class ReleaseNotPublicError(ReleaseError):
    """The workflow run of a release succeeded, but GitHub shows no public release."""

    def __init__(self, tag: str, run_id: int) -> None:
        self.tag = tag
        self.run_id = run_id
        super().__init__(
            f"workflow run {run_id} succeeded, but GitHub shows no public release of {tag}",
            f"`gh run view {run_id}` shows whether the job that creates it ran; `invoke status` shows drafts",
        )


class ShallowCloneError(ReleaseError):
    """The clone lacks the commits since the last release."""

    def __init__(self) -> None:
        super().__init__(
            "this is a shallow clone, so the commits since the last release are unknown",
            "git fetch --unshallow --tags; in a workflow, set `fetch-depth: 0` for actions/checkout",
        )


class ChecksFailedError(ReleaseError):
    """`invoke check` found problems."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"checks failed: {', '.join(names)}", "each failed check above has its own hint")


class WorkflowRunError(ReleaseError):
    """A workflow run that can't be used or can't be followed."""

    def __init__(self, run_id: int, reason: str, hint: str) -> None:
        self.run_id = run_id
        self.reason = reason
        super().__init__(f"workflow run {run_id}: {reason}", hint)


class RemoteBuildFailedError(ReleaseError):
    """A build on GitHub didn't succeed. `conclusion` is GitHub's word for how it ended."""

    def __init__(self, run_id: int, url: str, conclusion: str) -> None:
        self.run_id = run_id
        self.conclusion = conclusion
        end, hint = _ENDS.get(conclusion, _FAILED)
        super().__init__(
            f"the build on GitHub {end}: {url}; dist/ is unchanged",
            f"{hint.format(id=run_id)}; then resume with `--run {run_id}`",
        )


class WrongArtifactError(ReleaseError):
    """An artifact of a workflow run lacks the archive or its checksum."""

    def __init__(self, artifact: str, run_id: int, missing: Sequence[str]) -> None:
        self.run_id = run_id
        self.missing = tuple(missing)
        super().__init__(
            f"the artifact {artifact!r} of workflow run {run_id} lacks {', '.join(missing)}; dist/ is unchanged",
            "pass the `--version` that the run built, or start a new run by leaving out `--run`",
        )


class ManifestError(ProblemsFoundError):
    """A manifest of a mirror is damaged, or written by newer release tools."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        super().__init__(f"invalid {name}", problems)


class UnknownVersionError(ReleaseError):
    """The mirror doesn't have a version."""

    def __init__(self, version: str, offered: Sequence[str]) -> None:
        self.version = version
        super().__init__(
            f"the mirror doesn't have version {version!r}",
            f"it has {', '.join(offered[:5])}" if offered else "it has no version yet",
        )


class YankedVersionError(ReleaseError):
    """A version was yanked, so it mustn't be installed."""

    def __init__(self, version: str, reason: str, latest: str | None) -> None:
        self.version, self.reason, self.latest = version, reason, latest
        super().__init__(
            f"version {version} was yanked{f': {reason}' if reason else ''}",
            f"install {latest} instead" if latest else "wait for the next version",
        )


class MirrorNotConfiguredError(ProblemsFoundError):
    """The project's settings or the environment don't say where the mirror is, or have no key to it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the mirror isn't configured", problems)


class MirrorError(ProblemsFoundError):
    """The release, or what the mirror has, forbids the change; the manifests are unchanged."""

    def __init__(self, tag: str, action: str, problems: Sequence[Problem]) -> None:
        self.tag, self.action = tag, action
        super().__init__(f"cannot {action} {tag!r}", problems)


class MirrorIncompleteError(ReleaseError):
    """The mirror doesn't show what was written after the last attempt."""

    def __init__(self, name: str, rounds: int) -> None:
        self.name, self.rounds = name, rounds
        super().__init__(f"{name} isn't up to date after {rounds} rounds", RESUME)


class MirrorUnreachableError(ReleaseError):
    """The mirror can't be read by its public URL."""

    def __init__(self, url: str, cause: str) -> None:
        self.url, self.cause = url, cause
        super().__init__(
            f"can't read {url}: {cause}", "check `url` in the settings of the mirror, and that the public may read it"
        )


class VersionsDisagreeError(ProblemsFoundError):
    """Tags, releases and the mirror contradict each other."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("GitHub and the mirror disagree", problems)


class StoreUnreachableError(ReleaseError):
    """A request to the store of a mirror still failed after the last retry."""

    def __init__(self, request: str, cause: str, attempts: int) -> None:
        self.request, self.cause, self.attempts = request, cause, attempts
        super().__init__(f"store: {request} failed after {attempts} attempts: {cause}", RESUME)


class StoreRefusedError(ReleaseError):
    """The store of a mirror refused a request."""

    def __init__(self, request: str, status: int, code: str, message: str) -> None:
        hints = {
            "NoSuchBucket": "create the bucket, or correct `bucket` in the settings of the mirror",
            "RequestTimeTooSkewed": "set this machine's clock",
        }
        self.request, self.status, self.code = request, status, code
        super().__init__(
            f"the store refused {request}: HTTP {status}, {code}: {message!r}",
            hints.get(
                code, "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, the endpoint, the region and the key's rights"
            ),
        )


class DamagedUploadError(ReleaseError):
    """The bytes that arrived at the store differ from those that were sent, in every attempt."""

    def __init__(self, request: str, cause: str) -> None:
        self.request, self.cause = request, cause
        super().__init__(
            f"the store received other bytes than were sent with {request}: {cause}",
            f"look for a proxy that changes uploads, then {RESUME}",
        )


class UnconditionalStoreError(ReleaseError):
    """The store ignores the conditions of writes, so two publishers could overwrite each other's files."""

    def __init__(self, endpoint: str | None, condition: str) -> None:
        self.endpoint, self.condition = endpoint, condition
        super().__init__(
            f"the store at {endpoint or 'Amazon S3'} ignores {condition}; no file was uploaded",
            "use a store with conditional writes, such as Amazon S3, Cloudflare R2 or a current MinIO",
        )
