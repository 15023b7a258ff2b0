"""`invoke release --tag`: gather, plan, tell, and only then tag and push. What follows is GitHub's run of the tag."""

import dataclasses
import time
from collections.abc import Callable

from rich.console import Console

from release_tools.errors import ReleaseError
from release_tools.releasing.errors import NoRunError
from release_tools.releasing.git_state import repository_address
from release_tools.releasing.github.requests import Requests
from release_tools.releasing.github.runs import LONGEST_WAIT_SECONDS, await_run, find_run, watch_problems, watch_run
from release_tools.releasing.notes.foreign_text import printable
from release_tools.releasing.publish.release_files import expected_archives
from release_tools.releasing.tag.release_plan import ReleasePlan, plan_release
from release_tools.releasing.tag.release_state import gather_state
from release_tools.releasing.tag.tagging import carry_out
from release_tools.settings import ReleaseSettings


def release(
    settings: ReleaseSettings,
    wanted: str | None,
    *,
    is_dry_run: bool,
    is_watching: bool,
    console: Console,
    requests: Requests,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Release the checked-out commit under the tag of its version, or with `is_dry_run` only tell what would be done.

    Raises `RequestError` with every reason to refuse, before anything is changed, and after that the errors of
    `carry_out`; with `is_watching` also `NoRunError` and those of `watch_run`.
    """
    state = gather_state(settings, wanted)
    if is_watching:
        problems = watch_problems(requests, state.clone.commit)
        state = dataclasses.replace(state, project_problems=(*state.project_problems, *problems))
    plan = plan_release(state)

    def say(text: str) -> None:
        console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    for line in plan_lines(plan, settings.executable):
        say(line)
    if is_dry_run:
        say("dry run: nothing was changed")
        return
    carry_out(plan, settings.root, settings.executable, say)
    if is_watching:
        _follow(plan, settings, requests, say, sleep)
    else:
        _show(plan, settings, requests, say)


def plan_lines(plan: ReleasePlan, executable: str) -> list[str]:
    """The plan for people to read, before anything of it is done."""
    since = f"since {plan.last_release}" if plan.last_release else "the first release"
    remote_step = f"git push {plan.remote} refs/tags/{plan.tag}"
    steps = [
        f"git tag --annotate {plan.tag} {plan.commit[:7]}" if plan.must_tag else f"the tag {plan.tag} is made already",
        remote_step if plan.must_push else f"the tag is on {plan.remote} already",
        "GitHub builds and verifies all platforms, and publishes all of these files or none",
    ]
    archives = expected_archives(executable, plan.version)
    return [
        f"release {plan.tag}",
        f"  commit  {plan.commit[:7]} {plan.subject}",
        f"  branch  {plan.branch or 'none'}, remote {plan.remote}",
        f"  changes {plan.commit_count} {'commit' if plan.commit_count == 1 else 'commits'}, {since}",
        *(f"  {'files' if number == 0 else '     '}   {name} and its .sha256" for number, name in enumerate(archives)),
        *(f"  {number}. {step}" for number, step in enumerate(steps, start=1)),
    ]


def _show(plan: ReleasePlan, settings: ReleaseSettings, requests: Requests, say: Callable[[str], None]) -> None:
    """Tell where the run can be seen; what keeps us from finding it is no reason to fail after the push."""
    place = _runs_page(settings, plan)
    try:
        found = find_run(requests, plan.tag, plan.commit)
    except ReleaseError as error:
        say(f"the run cannot be looked up: {error.what}")
        say(f"hint: {error.hint}")
        found = None
    say(f"the run: {found.address if found else place}")


def _follow(
    plan: ReleasePlan,
    settings: ReleaseSettings,
    requests: Requests,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> None:
    found = await_run(requests, plan.tag, plan.commit, sleep)
    if found is None:
        raise NoRunError(plan.tag, _runs_page(settings, plan), LONGEST_WAIT_SECONDS)
    say(f"the run: {found.address}")
    watch_run(requests, found, settings.root)
    say("the run has succeeded")


def _runs_page(settings: ReleaseSettings, plan: ReleasePlan) -> str:
    address = repository_address(settings.root, plan.remote)
    return f"{address}/actions" if address else f"the Actions page of {plan.remote}"
