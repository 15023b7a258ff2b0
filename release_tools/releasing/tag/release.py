"""`invoke release --tag`: reads the state, prints the plan, then tags and pushes. GitHub's workflow does the rest.

Running the same command again resumes an interrupted release.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Final

from release_tools.errors import ProgramEndedError, ReleaseError
from release_tools.processes.run import run
from release_tools.releasing.errors import (
    ReleaseNotPublicError,
    ReleaseRunFailedError,
    RunNotStartedError,
    TagNotCreatedError,
    TagNotPushedError,
)
from release_tools.releasing.git_state import read_remote, repository_url
from release_tools.releasing.github.api import GitHubApi
from release_tools.releasing.github.releases import GitHubRepository, Release
from release_tools.releasing.github.runs import (
    MAX_WAIT_SECONDS,
    TagPush,
    find_tag_run,
    follow_run,
    wait_for_tag_run,
    watch_problems,
)
from release_tools.releasing.tag.release_plan import ReleasePlan, plan_lines, plan_release
from release_tools.releasing.tag.release_state import read_release_state
from release_tools.settings import ReleaseSettings
from release_tools.versions import build_workflow_name

# GitHub may show a new release a moment later.
_MAX_READINGS: Final = 4


def release(
    settings: ReleaseSettings,
    api: GitHubApi,
    tag: str | None,
    say: Callable[[str], None],
    *,
    is_dry_run: bool,
    is_watching: bool,
) -> None:
    """Tag the checked-out commit and push the tag, or with `is_dry_run` only print the plan.

    Raises `RequestError` with every problem before anything is changed, then `TagNotCreatedError` or
    `TagNotPushedError`; with `is_watching` also `RunNotStartedError`, `WorkflowRunError`, `ReleaseRunFailedError` or
    `ReleaseNotPublicError`.
    """
    state = read_release_state(settings, tag)
    if is_watching:
        problems = watch_problems(api, state.clone.commit)
        state = dataclasses.replace(state, project_problems=(*state.project_problems, *problems))
    plan = plan_release(state)
    for line in plan_lines(plan):
        say(line)
    if is_dry_run:
        say("nothing was changed (--dry-run)")
        return
    left = f"nothing was changed for {plan.tag}"
    try:
        if plan.must_tag:
            left = f"{plan.tag} may exist in this clone, and wasn't pushed"
            _create_tag(plan, settings.root)
        push = _tag_push(plan, api)
        if plan.must_push:
            left = f"{plan.tag} may be on {plan.remote} and start the release"
            say(f"pushing {plan.tag} to {plan.remote}")
            _push_tag(plan, settings.root)
        left = f"{plan.tag} is on {plan.remote}, and its workflow run continues on GitHub"
        if is_watching:
            _follow_run(push, plan, settings.root, api, say)
        else:
            _show_run(push, plan, settings.root, api, say)
    except KeyboardInterrupt:
        say(f"interrupted: {left}; the same command continues")
        raise


def _tag_push(plan: ReleasePlan, api: GitHubApi) -> TagPush:
    """The push that starts the release. A tag that was deleted and is pushed again has runs already."""
    push = TagPush(tag=plan.tag, commit=plan.commit, workflow=build_workflow_name(plan.executable))
    if not plan.must_push:
        return push
    try:
        older = find_tag_run(api, push)
    except ReleaseError:
        # Without gh, the tag is pushed all the same.
        return push
    return dataclasses.replace(push, older_run=older.id if older else 0)


def _create_tag(plan: ReleasePlan, root: Path) -> None:
    # Tag the planned commit rather than HEAD, which may have moved. Git may prompt for the passphrase of a signing key,
    # so it inherits the terminal.
    message = f"--message={plan.executable} {plan.version}"
    try:
        run(["git", "tag", "--annotate", message, plan.tag, plan.commit], cwd=root)
    except ProgramEndedError:
        raise TagNotCreatedError(plan.tag) from None


def _push_tag(plan: ReleasePlan, root: Path) -> None:
    reference = f"refs/tags/{plan.tag}"
    # Only this tag is pushed, whatever the user's git configuration adds.
    options = ["--no-follow-tags", "--recurse-submodules=no"]
    try:
        run(["git", "push", *options, "--", plan.remote, f"{reference}:{reference}"], cwd=root)
    except ProgramEndedError:
        raise TagNotPushedError(plan.tag, plan.remote) from None
    pushed = read_remote(root, plan.remote, plan.branch).tags
    if not any(tag.name == plan.tag and tag.commit == plan.commit for tag in pushed):
        raise TagNotPushedError(plan.tag, plan.remote)


def _show_run(push: TagPush, plan: ReleasePlan, root: Path, api: GitHubApi, say: Callable[[str], None]) -> None:
    """Print the run's URL. The tag is pushed, so a failed lookup isn't an error."""
    try:
        found = find_tag_run(api, push)
    except ReleaseError as error:
        say(f"can't look up the workflow run: {error.what}")
        say(f"hint: {error.hint}")
        found = None
    say(f"workflow run: {found.url if found else _actions_page(root, plan)}")


def _follow_run(push: TagPush, plan: ReleasePlan, root: Path, api: GitHubApi, say: Callable[[str], None]) -> None:
    found = wait_for_tag_run(api, push)
    if found is None:
        raise RunNotStartedError(plan.tag, _actions_page(root, plan), MAX_WAIT_SECONDS)
    say(f"workflow run: {found.url}")
    ended = follow_run(api, found, root, "run the same command again to resume")
    if not ended.is_successful:
        raise ReleaseRunFailedError(found.id, found.url, ended.conclusion)
    release = _published(plan.tag, api)
    if release is None:
        raise ReleaseNotPublicError(plan.tag, found.id)
    say(f"published: {release.url}")


def _published(tag: str, api: GitHubApi) -> Release | None:
    """The release that the run published, read back."""
    for reading in range(1, _MAX_READINGS + 1):
        release = GitHubRepository(api).published(tag)
        if release or reading == _MAX_READINGS:
            return release
        api.back_off(reading, f"the release of {tag} isn't visible")
    return None


def _actions_page(root: Path, plan: ReleasePlan) -> str:
    url = repository_url(root, plan.remote)
    return f"{url}/actions" if url else f"the Actions page of {plan.remote}"
