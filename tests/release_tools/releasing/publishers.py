"""A publisher under test: its release, and how it reaches a fake repository."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from release_tools.processes.run import Finished, observe
from release_tools.releasing.github.api import Clock, GitHubApi, fetch_file
from release_tools.releasing.github.releases import GitHubRepository, Release
from release_tools.releasing.publish.local_release import LocalRelease
from release_tools.releasing.publish.publish_plan import PublishPlan, plan_publish
from release_tools.releasing.publish.publish_release import publish, read_github_state, repository_problems
from release_tools.releasing.publish.release_files import ReleaseFile, gather_release_files
from tests.release_tools.releasing.fake_github import FakeRepository
from tests.release_tools.releasing.sample_release import COMMIT, EXECUTABLE, VERSION


class FakeClock(Clock):
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0
        self.delays: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.seconds += seconds

    def now(self) -> float:
        return self.seconds


@dataclass(kw_only=True)
class Publisher:
    """A publisher of the files in `folder`. `start` runs `gh`, or stands in for it."""

    folder: Path
    publisher_id: str = "run-1"
    commit: str = COMMIT
    notes: str = "What is new.\n"
    start: Callable[..., Finished] = observe
    fetch: Callable[..., bool] | None = None
    clock: FakeClock = field(default_factory=FakeClock)
    said: list[str] = field(default_factory=list)

    @property
    def files(self) -> tuple[ReleaseFile, ...]:
        return gather_release_files(EXECUTABLE, VERSION, self.folder)

    @property
    def local(self) -> LocalRelease:
        return LocalRelease(
            executable=EXECUTABLE,
            version=VERSION,
            commit=self.commit,
            publisher_id=self.publisher_id,
            files=self.files,
            notes=self.notes,
        )

    @property
    def github(self) -> GitHubRepository:
        fetch = self.fetch or fetch_file
        return GitHubRepository(
            GitHubApi(self.folder, clock=self.clock, start=self.start, fetch=fetch, say=self.said.append)
        )

    def publish(self) -> Release:
        return publish(self.github, self.local, self.folder, self.said.append)

    def plan(self) -> PublishPlan:
        problems = repository_problems(self.github, self.local)
        return plan_publish(read_github_state(self.github, self.local, problems), self.local)


def digests(files: tuple[ReleaseFile, ...]) -> dict[str, str]:
    return {file.name: file.sha256 for file in files}


def is_fully_published(repository: FakeRepository, tag: str) -> bool:
    """Whether the tag has one release, published with exactly the expected assets."""
    releases = [release for release in repository.releases.values() if release["tag_name"] == tag]
    if len(releases) != 1 or releases[0]["draft"] or repository.violations:
        return False
    return {asset["name"]: asset["digest"] for asset in releases[0]["assets"]} == {
        name: f"sha256:{digest}" for name, digest in repository.expected.items()
    }
