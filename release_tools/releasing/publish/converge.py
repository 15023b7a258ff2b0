"""The way from ten files to a public release, one stretch after the other, until GitHub holds what is wanted.

At every moment of it a program may end, a connection may break and another publisher may do the same. What keeps it
safe: a draft belongs to one publisher only and is changed by nobody else; it is opened only when a fresh reading showed
exactly the ten files; and GitHub lets only one release of a tag be public.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, assert_never

from release_tools.releasing.errors import UnclearOutcomeError, UnsettledError
from release_tools.releasing.github.releases import GitHub, Release
from release_tools.releasing.publish.publish_plan import (
    CreateDraft,
    Open,
    Plan,
    RemoveDraft,
    RemoveFile,
    Seen,
    Step,
    Upload,
    Wanted,
    plan_publish,
)
from release_tools.releasing.publish.release_text import is_newest_stable
from release_tools.versions import version_of_tag

# A smooth run takes four: make the draft, upload, publish, see that it is public.
MOST_ROUNDS: Final = 12


def read_plan(github: GitHub, executable: str, wanted: Wanted, known_draft: int | None = None) -> Plan:
    """What GitHub holds now, and what is to do; whether this becomes the latest release is found out here.

    Reads only. `known_draft` is one that this run has made, which GitHub's list may not show yet. Raises `PublishError`
    and the errors of the requests.
    """
    tag_commit = github.commit_of_tag(wanted.tag)
    listed = github.releases()
    numbers = {release.id for release in listed if release.tag == wanted.tag}
    numbers |= {known_draft} if known_draft is not None else set()
    # The list may be some seconds old; each one by its number is not.
    fresh = (github.release(number) for number in sorted(numbers))
    releases = tuple(release for release in fresh if release is not None)
    others = [release.tag for release in listed if not release.is_draft and release.tag != wanted.tag]
    version = version_of_tag(executable, wanted.tag) or ""
    latest = replace(wanted, text=replace(wanted.text, is_latest=is_newest_stable(executable, version, others)))
    return plan_publish(Seen(tag_commit=tag_commit, releases=releases), latest)


def publish(github: GitHub, executable: str, wanted: Wanted, folder: Path, say: Callable[[str], None]) -> Release:
    """Make the release public with the files in `folder`, or find that it is; returns it as GitHub shows it.

    Raises `PublishError` before anything is changed, `BurnedTagError`, `UnsettledError` when it does not come about,
    and the errors of the requests. It can be run again at any point.
    """
    known_draft: int | None = None
    troubles: list[str] = []
    for _ in range(MOST_ROUNDS):
        plan = read_plan(github, executable, wanted, known_draft)
        if plan.state == "uploaded":
            say(f"GitHub holds the {len(wanted.files)} files with our sizes and sha256 digests")
        try:
            for step in plan.steps:
                say(str(step))
                known_draft = _perform(github, step, folder) or known_draft
        except UnclearOutcomeError as error:
            say(f"{error.what}; looking again")
            troubles.append(error.what)
            github.pause(len(troubles))
            continue
        if plan.published is not None:
            return plan.published
        troubles += [str(step) for step in plan.steps if isinstance(step, RemoveFile)]
    raise UnsettledError(wanted.tag, MOST_ROUNDS, troubles[-1] if troubles else "GitHub does not show what was done")


def _perform(github: GitHub, step: Step, folder: Path) -> int | None:
    """Carry out one step; the number of the draft, if it made one."""
    match step:
        case CreateDraft():
            return github.create_draft(step.text).id
        case RemoveDraft():
            github.delete_release(step.release)
        case RemoveFile():
            github.delete_asset(step.asset)
        case Upload():
            github.upload(step.release, folder / step.file.name)
        case Open():
            github.publish(step.release, step.text)
        case _:
            assert_never(step)
    return None
