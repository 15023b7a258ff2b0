"""`invoke publish`: what is checked and put together on this machine, then the way of `publishing` on GitHub."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from release_tools.errors import Problem
from release_tools.platforms import host_platform
from release_tools.releasing.errors import PublishError, ReleaseFilesError
from release_tools.releasing.git_state import commit_of
from release_tools.releasing.github.releases import GitHub, ReleaseText
from release_tools.releasing.notes.release_notes import release_notes
from release_tools.releasing.publish.converge import publish, read_plan
from release_tools.releasing.publish.publish_plan import Plan, Wanted
from release_tools.releasing.publish.publisher import known_publisher, only_publisher
from release_tools.releasing.publish.release_files import RECORD_NAME, ReleaseFile, find_records, gather_release_files
from release_tools.releasing.publish.release_text import Marker, is_prerelease, release_body
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What this machine has for a release: the tag's commit, the ten files, and what is said of them."""

    tag: str
    version: str
    commit: str
    files: tuple[ReleaseFile, ...]
    notes: str

    def wanted_by(self, publisher: str) -> Wanted:
        """The release as the publisher of this name wants it."""
        marker = Marker(tag=self.tag, commit=self.commit, publisher=publisher)
        text = ReleaseText(
            tag=self.tag,
            commit=self.commit,
            title=self.tag,
            body=release_body(marker, self.notes),
            is_prerelease=is_prerelease(self.version),
            is_latest=False,
        )
        return Wanted(marker=marker, text=text, files=self.files)


def publish_release(
    settings: ReleaseSettings, github: GitHub, tag: str, folder: Path, say: Callable[[str], None], *, is_dry_run: bool
) -> None:
    """Make the release of `tag` public with the files in `folder`, or only tell what would be done.

    Raises `PublishError` with everything that forbids it, `PublisherRunningError`, and the errors of `publish`.
    """
    candidate = gather_candidate(settings, tag, folder)
    work = settings.build_folder(host_platform().name) / "publish"
    if is_dry_run:
        name = known_publisher(work)
        wanted = candidate.wanted_by(name or "nobody-yet")
        for line in plan_lines(read_plan(github, settings.executable, wanted), tag):
            say(line)
        return
    with only_publisher(work) as name:
        release = publish(github, settings.executable, candidate.wanted_by(name), folder, say)
    say(f"public: {release.url}")


def gather_candidate(settings: ReleaseSettings, tag: str, folder: Path) -> Candidate:
    """Everything of a release that lies on this machine.

    Raises `PublishError` with all that is wrong: the tag, its commit, the files, the build records; and the errors of
    `release_notes`.
    """
    version = version_of_tag(settings.executable, tag)
    wanted = release_tag(settings.executable, settings.project_version)
    if version is None or tag != wanted:
        hint = f"name that tag, or check out the commit of the other one: git checkout {wanted}"
        what = f"the version of pyproject.toml is {settings.project_version}, and its tag {wanted}"
        raise PublishError(tag, [Problem(what=what, hint=hint)])
    commit = commit_of(settings.root, f"refs/tags/{tag}")
    problems = []
    if commit is None:
        problems.append(Problem(what="this clone has no such tag", hint=f"fetch it: git fetch origin tag {tag}"))
    files: tuple[ReleaseFile, ...] = ()
    records: tuple[Path, ...] = ()
    try:
        files = gather_release_files(settings.executable, version, folder)
        records = find_records(_record_candidates(settings, folder), files, commit) if commit else ()
    except ReleaseFilesError as error:
        problems += error.problems
    if problems or commit is None:
        raise PublishError(tag, problems)
    notes = release_notes(settings.root, tag, files, records)
    return Candidate(tag=tag, version=version, commit=commit, files=files, notes=notes)


def plan_lines(plan: Plan, tag: str) -> list[str]:
    """The plan for people: the state that was found, and what a run would do."""
    state = {
        "none": f"{tag} has no release yet",
        "draft": f"{tag} has a draft that is not complete",
        "uploaded": f"{tag} has a draft with all files, as they are here",
        "published": f"{tag} is public, with all files as they are here",
    }
    steps = [*map(str, plan.steps), *plan.later]
    lines = [state[plan.state], *plan.remarks]
    lines += [f"{number:>3}. {step}" for number, step in enumerate(steps, start=1)] or ["nothing is left to do"]
    return [*lines, "nothing was changed (--dry-run)"]


def _record_candidates(settings: ReleaseSettings, folder: Path) -> list[Path]:
    """The records that came with the files, and those of builds on this machine."""
    return [*folder.rglob(RECORD_NAME), *(settings.root / "build").glob(f"*/{RECORD_NAME}")]
