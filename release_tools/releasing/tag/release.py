"""`invoke release --tag`: reads the state, prints the plan, then tags and pushes. GitHub's workflow does the rest.

Running the same command again resumes an interrupted release.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from release_tools.errors import ProgramEndedError, ReleaseError
from release_tools.processes.run import run
from release_tools.releasing.errors import (
    ReleaseRunFailedError,
    RunNotStartedError,
    TagNotCreatedError,
    TagNotPushedError,
)
from release_tools.releasing.git_state import read_remote, repository_url
from release_tools.releasing.github.api import GitHubApi
from release_tools.releasing.github.runs import (
    MAX_WAIT_SECONDS,
    find_tag_run,
    follow_run,
    wait_for_tag_run,
    watch_problems,
)
from release_tools.releasing.tag.release_plan import ReleasePlan, plan_lines, plan_release
from release_tools.releasing.tag.release_state import read_release_state
from release_tools.settings import ReleaseSettings


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
    `TagNotPushedError`; with `is_watching` also `RunNotStartedError`, `WorkflowRunError` or `ReleaseRunFailedError`.
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
    if plan.must_tag:
        _create_tag(plan, settings.root)
    if plan.must_push:
        say(f"pushing {plan.tag} to {plan.remote}")
        _push_tag(plan, settings.root)
    if is_watching:
        _follow_run(plan, settings.root, api, say)
    else:
        _show_run(plan, settings.root, api, say)


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


def _show_run(plan: ReleasePlan, root: Path, api: GitHubApi, say: Callable[[str], None]) -> None:
    """Print the run's URL. The tag is pushed, so a failed lookup isn't an error."""
    try:
        found = find_tag_run(api, plan.tag, plan.commit)
    except ReleaseError as error:
        say(f"can't look up the workflow run: {error.what}")
        say(f"hint: {error.hint}")
        found = None
    say(f"workflow run: {found.url if found else _actions_page(root, plan)}")


def _follow_run(plan: ReleasePlan, root: Path, api: GitHubApi, say: Callable[[str], None]) -> None:
    found = wait_for_tag_run(api, plan.tag, plan.commit)
    if found is None:
        raise RunNotStartedError(plan.tag, _actions_page(root, plan), MAX_WAIT_SECONDS)
    say(f"workflow run: {found.url}")
    if not follow_run(api, found, root, "run the same command again to resume").is_successful:
        raise ReleaseRunFailedError(found.id, found.url)
    say("the workflow run succeeded")


def _actions_page(root: Path, plan: ReleasePlan) -> str:
    url = repository_url(root, plan.remote)
    return f"{url}/actions" if url else f"the Actions page of {plan.remote}"
