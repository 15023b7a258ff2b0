"""`invoke publish`: plans and takes steps until GitHub shows the release as published.

At any time the process may be killed, a connection may break, or another publisher may do the same work. That's safe
because a draft is changed only by the publisher that created it and published only after it was read with exactly the
local files, and because GitHub publishes only one release per tag.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, assert_never

from release_tools.errors import Problem, ReleaseError
from release_tools.platforms import host_platform
from release_tools.releasing.errors import (
    ChangedMeanwhileError,
    PublicReleaseError,
    PublishIncompleteError,
    UnclearOutcomeError,
)
from release_tools.releasing.github.releases import GitHubRepository, Release
from release_tools.releasing.publish.local_release import LocalRelease, gather_release
from release_tools.releasing.publish.publish_lock import publish_lock, read_publisher_id
from release_tools.releasing.publish.publish_plan import (
    CreateDraft,
    DeleteAsset,
    DeleteDraft,
    GitHubState,
    HashAsset,
    PublishDraft,
    PublishPlan,
    Step,
    UploadAsset,
    plan_publish,
)
from release_tools.releasing.release_versions import is_newest_stable
from release_tools.settings import ReleaseSettings

# Pauses without progress: 63 seconds in all.
_MAX_STALLS: Final = 6
# How many of them are for changes that GitHub doesn't show yet; then they are made again.
_MAX_INVISIBLE: Final = 4
# How often the same refusal is believed to come from a change that isn't visible yet: 3 seconds in all.
_MAX_REFUSALS: Final = 3


def publish_release(
    settings: ReleaseSettings,
    github: GitHubRepository,
    tag: str,
    folder: Path,
    say: Callable[[str], None],
    *,
    is_dry_run: bool,
    is_draft: bool = False,
) -> None:
    """Publish the release of a tag with the files in `folder`, or only print the plan.

    With `is_draft`, the complete draft isn't opened. Raises `PublishError` with every problem, `PublishLockedError`,
    and the errors of `publish`.
    """
    work = settings.build_folder(host_platform().name) / "publish"
    if is_dry_run:
        local = gather_release(settings, tag, folder, read_publisher_id(work) or "none")
        state = read_github_state(github, local, repository_problems(github, local))
        for line in plan_lines(plan_publish(state, local), tag):
            say(line)
        return
    with publish_lock(work) as publisher_id:
        local = gather_release(settings, tag, folder, publisher_id)
        release = publish(github, local, folder, say, is_draft=is_draft)
    say(f"{'complete draft, not public' if release.is_draft else 'published'}: {release.url}")


def publish(
    github: GitHubRepository, local: LocalRelease, folder: Path, say: Callable[[str], None], *, is_draft: bool = False
) -> Release:
    """Publish the release, or find that it is published; returns it as GitHub shows it.

    With `is_draft`, it ends with the complete draft. Raises `PublishError` before anything is changed,
    `PublicReleaseError`, `TagNotReusableError`, `PublishIncompleteError`, `GitHubRefusedError`, and the errors of
    `GitHubApi.send`. After any of them, calling it again resumes.
    """
    return _Publisher(github, local, folder, say, is_draft=is_draft).run()


class _Publisher:
    """Takes the steps of one plan after another, and waits where GitHub doesn't show yet what was done."""

    def __init__(
        self, github: GitHubRepository, local: LocalRelease, folder: Path, say: Callable[[str], None], *, is_draft: bool
    ) -> None:
        self._github = github
        self._local = local
        self._folder = folder
        self._say = say
        self._is_draft = is_draft
        self._draft_id: int | None = None
        self._hashes: dict[int, str] = {}
        # The steps that GitHub last reported as successful, and the one that is under way.
        self._done: set[str] = set()
        self._current: Step | None = None
        self._is_opening = False
        self._progress = -1
        self._stalls = 0
        self._refusals: list[str] = []

    def run(self) -> Release:
        try:
            problems = repository_problems(self._github, self._local)
            while True:
                state = read_github_state(self._github, self._local, problems, self._draft_id, self._hashes)
                if self._is_draft_invisible(state):
                    self._stall(f"the new draft {self._draft_id} was deleted, or the token may no longer see it")
                    continue
                plan = self._planned(state)
                self._note_progress(plan)
                finished = self._finished(plan)
                if finished is not None:
                    return finished
                self._take(plan)
        except KeyboardInterrupt:
            self._say(self._what_is_left())
            raise

    def _planned(self, state: GitHubState) -> PublishPlan:
        try:
            return plan_publish(state, self._local)
        except PublicReleaseError as error:
            # GitHub can't open a draft on a condition. If it was opened by this run, nobody may rely on it yet.
            if not self._is_opening:
                raise
            for release in state.releases:
                if not release.is_draft and not release.is_immutable:
                    self._close(release, error)
            raise

    def _close(self, release: Release, error: PublicReleaseError) -> None:
        try:
            self._github.close_release(release)
            closed = self._github.release(release.id)
        except ReleaseError as failure:
            self._say(f"can't make it a draft again: {failure.what}")
            return
        if closed is not None and closed.is_draft:
            raise PublicReleaseError(error.tag, error.url, error.problems, is_closed=True) from None

    def _is_draft_invisible(self, state: GitHubState) -> bool:
        """Whether GitHub doesn't show our new draft. Another publisher deletes it only after publishing."""
        is_published = any(not release.is_draft for release in state.releases)
        return self._draft_id not in {None, *(release.id for release in state.releases)} and not is_published

    def _finished(self, plan: PublishPlan) -> Release | None:
        if plan.state == "uploaded":
            self._say(f"all {len(self._local.files)} assets match the local files in size and sha256")
            drafts = [step.draft for step in plan.steps if isinstance(step, PublishDraft)]
            return drafts[0] if self._is_draft else None
        return plan.published if not plan.steps else None

    def _note_progress(self, plan: PublishPlan) -> None:
        if plan.progress > self._progress:
            self._progress = plan.progress
            self._stalls = 0
            self._refusals.clear()

    def _take(self, plan: PublishPlan) -> None:
        """Take the steps of a plan, unless GitHub may just not show yet that they were taken."""
        if self._stalls < _MAX_INVISIBLE and {_key(step) for step in plan.steps} <= self._done:
            self._stall(f"not visible yet: {plan.steps[0]}")
            return
        self._done.clear()
        try:
            for step in plan.steps:
                self._say(str(step))
                self._current = step
                self._run_step(step)
                self._done.add(_key(step))
        except UnclearOutcomeError as error:
            self._say(f"{error.what}; checking again")
            self._stall(error.what)
        except ChangedMeanwhileError as error:
            self._refusals.append(error.refusal.what)
            if self._refusals.count(error.refusal.what) == _MAX_REFUSALS:
                raise error.refusal from None
            self._say(f"{error.what}; checking again")
            self._stall(error.refusal.what)
        else:
            if any(isinstance(step, DeleteAsset) for step in plan.steps):
                # GitHub stored something else before; it may again.
                self._stall(str(plan.steps[0]))

    def _stall(self, cause: str) -> None:
        self._stalls += 1
        if self._stalls > _MAX_STALLS:
            raise PublishIncompleteError(self._local.tag, cause)
        self._github.api.back_off(self._stalls, cause)

    def _run_step(self, step: Step) -> None:
        match step:
            case CreateDraft():
                self._draft_id = self._github.create_draft(step.fields).id
            case DeleteDraft():
                self._github.delete_release(step.draft)
                if step.draft.id == self._draft_id:
                    self._draft_id = None
            case DeleteAsset():
                self._github.delete_asset(step.asset)
            case HashAsset():
                self._hashes[step.asset.id] = self._github.asset_sha256(step.asset)
            case UploadAsset():
                self._github.upload_asset(step.draft, self._folder / step.file.name)
            case PublishDraft():
                self._is_opening = True
                self._github.publish_draft(step.draft, step.fields)
            case _:
                assert_never(step)

    def _what_is_left(self) -> str:
        """What an interruption leaves on GitHub, as far as it was read."""
        tag, files = self._local.tag, len(self._local.files)
        if isinstance(self._current, PublishDraft):
            return f"interrupted while the draft was opened: {tag} may be public; the same command finds out"
        if self._current is None:
            return f"interrupted: nothing was changed for {tag}"
        place = f"a draft of {tag} with {max(0, self._progress - 1)} or more of {files} files"
        return f"interrupted: {place} is on GitHub, and isn't public; the same command resumes it"


def _key(step: Step) -> str:
    """Identifies a step, also if the draft or the asset that it's for looks different later."""
    match step:
        case CreateDraft():
            return "create"
        case DeleteDraft() | PublishDraft():
            return f"{type(step).__name__} {step.draft.id}"
        case DeleteAsset() | HashAsset():
            return f"{type(step).__name__} {step.asset.id}"
        case UploadAsset():
            return f"upload {step.file.name}"
        case _:
            assert_never(step)


def repository_problems(github: GitHubRepository, local: LocalRelease) -> tuple[Problem, ...]:
    """Why nothing new can be released from this repository, or from this commit."""
    settings = github.settings()
    problems = []
    if settings.is_archived:
        hint = f"unarchive it: {settings.url}/settings"
        problems.append(
            Problem(what=f"the repository {settings.name} is archived, so GitHub refuses changes", hint=hint)
        )
    branch = settings.default_branch
    if github.is_on_branch(local.commit, branch) is False:
        what = f"commit {local.commit} isn't on the default branch {branch}"
        hint = f"delete the tag (invoke discard --tag {local.tag}), merge the commit to {branch}, and release that"
        problems.append(Problem(what=what, hint=hint))
    return tuple(problems)


def read_github_state(
    github: GitHubRepository,
    local: LocalRelease,
    problems: tuple[Problem, ...],
    draft_id: int | None = None,
    hashes: Mapping[int, str] | None = None,
) -> GitHubState:
    """The tag and its releases on GitHub.

    `draft_id` is a new draft that the list may not show yet, and `hashes` are the digests of downloaded assets.
    """
    listed = github.releases()
    ids = {release.id for release in listed if release.tag == local.tag}
    ids |= {draft_id} if draft_id is not None else set()
    # The list can be a few seconds old; a release by its ID rarely is.
    releases = [github.release(release_id) for release_id in sorted(ids)]
    other_tags = [release.tag for release in listed if not release.is_draft and release.tag != local.tag]
    return GitHubState(
        # Last, so that the tag has the least time to move before the draft is opened.
        tag_commit=github.tag_commit(local.tag),
        releases=tuple(_with_hashes(release, hashes or {}) for release in releases if release is not None),
        is_newest_stable=is_newest_stable(local.executable, local.version, other_tags),
        problems=problems,
    )


def _with_hashes(release: Release, hashes: Mapping[int, str]) -> Release:
    assets = (dataclasses.replace(asset, sha256=asset.sha256 or hashes.get(asset.id, "")) for asset in release.assets)
    return dataclasses.replace(release, assets=tuple(assets))


def plan_lines(plan: PublishPlan, tag: str) -> list[str]:
    """The plan as `--dry-run` prints it."""
    state = {
        "none": f"{tag} has no release yet",
        "draft": f"{tag} has an incomplete draft",
        "uploaded": f"{tag} has a draft whose assets match the local files",
        "published": f"{tag} is published, and its assets match the local files",
    }
    steps = [*map(str, plan.steps), *plan.later]
    lines = [state[plan.state], *plan.remarks]
    lines += [f"{number:>3}. {step}" for number, step in enumerate(steps, start=1)] or ["nothing to do"]
    return [*lines, "nothing was changed (--dry-run)"]
