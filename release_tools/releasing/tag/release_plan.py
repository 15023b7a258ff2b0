"""What `invoke release --tag` is about to do: a pure function of what was gathered."""

from dataclasses import dataclass

from release_tools.errors import RequestError
from release_tools.releasing.notes.foreign_text import printable
from release_tools.releasing.tag.refusals import find_refusals
from release_tools.releasing.tag.release_state import ReleaseState


@dataclass(frozen=True, kw_only=True)
class ReleasePlan:
    """What has to be done, to which commit. With neither step left, the tag is where it belongs already."""

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
    """The plan for this state.

    Raises `RequestError` with every reason why there cannot be one.
    """
    problems = find_refusals(state)
    if problems:
        raise RequestError(f"release {printable(state.wanted)}", problems)
    return ReleasePlan(
        tag=state.wanted,
        version=state.project_version,
        commit=state.clone.commit,
        subject=state.clone.subject,
        branch=state.clone.branch,
        remote=state.clone.remote or "",
        last_release=state.last_release.name if state.last_release else None,
        commit_count=state.commit_count,
        must_tag=not state.is_pushed and state.tag_here is None,
        must_push=not state.is_pushed,
    )
