"""The plan of `invoke release --tag`, made from the state by a pure function."""

from dataclasses import dataclass

from release_tools.errors import RequestError
from release_tools.releasing.publish.release_files import expected_archives
from release_tools.releasing.tag.release_problems import release_problems
from release_tools.releasing.tag.release_state import ReleaseState


@dataclass(frozen=True, kw_only=True)
class ReleasePlan:
    """The remaining steps of a release; none if the tag is already pushed."""

    executable: str
    tag: str
    version: str
    commit: str
    subject: str
    branch: str | None
    remote: str
    last_release: str | None
    commit_count: int
    must_tag: bool
    must_push: bool


def plan_release(state: ReleaseState) -> ReleasePlan:
    """The plan for this state. Raises `RequestError` with every problem that forbids the release."""
    problems = release_problems(state)
    if problems:
        raise RequestError(f"release {state.tag!r}", problems)
    return ReleasePlan(
        executable=state.executable,
        tag=state.tag,
        version=state.project_version,
        commit=state.clone.commit,
        subject=state.clone.subject,
        branch=state.clone.branch,
        remote=state.clone.remote or "",
        last_release=state.last_release.name if state.last_release else None,
        commit_count=state.commit_count,
        must_tag=not state.is_pushed and state.local_tag is None,
        must_push=not state.is_pushed,
    )


def plan_lines(plan: ReleasePlan) -> list[str]:
    """The plan as it is printed before anything is done."""
    since = f"since {plan.last_release}" if plan.last_release else "the first release"
    push = f"git push {plan.remote} refs/tags/{plan.tag}"
    steps = [
        f"git tag --annotate {plan.tag} {plan.commit[:7]}" if plan.must_tag else f"{plan.tag} exists in this clone",
        push if plan.must_push else f"{plan.tag} is already on {plan.remote}",
        "GitHub builds and verifies every platform, and publishes all of these files or none",
    ]
    archives = expected_archives(plan.executable, plan.version)
    return [
        f"release {plan.tag}",
        f"  commit  {plan.commit[:7]} {plan.subject}",
        f"  branch  {plan.branch or 'none'}, remote {plan.remote}",
        f"  changes {plan.commit_count} {'commit' if plan.commit_count == 1 else 'commits'}, {since}",
        *(f"  {'files' if number == 0 else '     '}   {name} and its .sha256" for number, name in enumerate(archives)),
        *(f"  {number}. {step}" for number, step in enumerate(steps, start=1)),
    ]
