"""`invoke publish`: plans and takes steps until GitHub shows the release as published.

At any time the process may be killed, a connection may break, or another publisher may do the same work. That's safe
because a draft is changed only by the publisher that created it and published only after it was read with exactly the
local files, and because GitHub publishes only one release per tag.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, assert_never

from release_tools.platforms import host_platform
from release_tools.releasing.errors import PublishIncompleteError, UnclearOutcomeError
from release_tools.releasing.github.releases import GitHubRepository, Release
from release_tools.releasing.publish.local_release import LocalRelease, gather_release
from release_tools.releasing.publish.publish_lock import publish_lock, read_publisher_id
from release_tools.releasing.publish.publish_plan import (
    CreateDraft,
    DeleteAsset,
    DeleteDraft,
    GitHubState,
    PublishDraft,
    PublishPlan,
    Step,
    UploadAsset,
    plan_publish,
)
from release_tools.releasing.release_versions import is_newest_stable
from release_tools.settings import ReleaseSettings

# Without failures it takes four: create the draft, upload, publish, confirm.
_MAX_ROUNDS: Final = 12


def publish_release(
    settings: ReleaseSettings,
    github: GitHubRepository,
    tag: str,
    folder: Path,
    say: Callable[[str], None],
    *,
    is_dry_run: bool,
) -> None:
    """Publish the release of a tag with the files in `folder`, or only print the plan.

    Raises `PublishError` with every problem, `PublishLockedError`, and the errors of `publish`.
    """
    work = settings.build_folder(host_platform().name) / "publish"
    if is_dry_run:
        local = gather_release(settings, tag, folder, read_publisher_id(work) or "none")
        for line in plan_lines(plan_publish(read_github_state(github, local), local), tag):
            say(line)
        return
    with publish_lock(work) as publisher_id:
        local = gather_release(settings, tag, folder, publisher_id)
        release = publish(github, local, folder, say)
    say(f"published: {release.url}")


def publish(github: GitHubRepository, local: LocalRelease, folder: Path, say: Callable[[str], None]) -> Release:
    """Publish the release, or find that it is published; returns it as GitHub shows it.

    Raises `PublishError` before anything is changed, `TagNotReusableError`, `PublishIncompleteError`, and the errors of
    `GitHubApi.send`. After any of them, calling it again resumes.
    """
    draft_id: int | None = None
    failures: list[str] = []
    for _ in range(_MAX_ROUNDS):
        plan = plan_publish(read_github_state(github, local, draft_id), local)
        if plan.state == "uploaded":
            say(f"all {len(local.files)} assets match the local files in size and sha256")
        try:
            for step in plan.steps:
                say(str(step))
                draft_id = _run_step(step, github, folder) or draft_id
        except UnclearOutcomeError as error:
            say(f"{error.what}; checking again")
            failures.append(error.what)
            github.api.back_off(len(failures))
            continue
        if plan.published is not None:
            return plan.published
        failures += [str(step) for step in plan.steps if isinstance(step, DeleteAsset)]
    raise PublishIncompleteError(
        local.tag, _MAX_ROUNDS, failures[-1] if failures else "GitHub doesn't show what was changed"
    )


def read_github_state(github: GitHubRepository, local: LocalRelease, draft_id: int | None = None) -> GitHubState:
    """The tag and its releases on GitHub. `draft_id` is a new draft that the list may not show yet."""
    tag_commit = github.tag_commit(local.tag)
    listed = github.releases()
    ids = {release.id for release in listed if release.tag == local.tag}
    ids |= {draft_id} if draft_id is not None else set()
    # The list can be a few seconds old, a release by its ID can't.
    releases = (github.release(release_id) for release_id in sorted(ids))
    other_tags = [release.tag for release in listed if not release.is_draft and release.tag != local.tag]
    return GitHubState(
        tag_commit=tag_commit,
        releases=tuple(release for release in releases if release is not None),
        is_newest_stable=is_newest_stable(local.executable, local.version, other_tags),
    )


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


def _run_step(step: Step, github: GitHubRepository, folder: Path) -> int | None:
    """Run one step; returns the ID of a new draft."""
    match step:
        case CreateDraft():
            return github.create_draft(step.fields).id
        case DeleteDraft():
            github.delete_release(step.draft)
        case DeleteAsset():
            github.delete_asset(step.asset)
        case UploadAsset():
            github.upload_asset(step.draft, folder / step.file.name)
        case PublishDraft():
            github.publish_draft(step.draft, step.fields)
        case _:
            assert_never(step)
    return None
