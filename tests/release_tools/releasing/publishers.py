"""A publisher in these tests: what it wants, and how it is started against a repository on a server of ours."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from release_tools.processes.run import Finished, observe
from release_tools.releasing.github.releases import GitHub, Release, ReleaseText
from release_tools.releasing.github.requests import Requests, Waiting
from release_tools.releasing.publish.converge import publish, read_plan
from release_tools.releasing.publish.publish_plan import Plan, Wanted
from release_tools.releasing.publish.release_files import ReleaseFile, gather_release_files
from release_tools.releasing.publish.release_text import Marker, is_prerelease, release_body
from release_tools.versions import release_tag
from tests.release_tools.releasing.github_server import Repository
from tests.release_tools.releasing.subjects import COMMIT, EXECUTABLE, VERSION


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds

    def now(self) -> float:
        return self.seconds


@dataclass(kw_only=True)
class Publisher:
    """One publisher with files of its own in `folder`. `start` is what starts `gh`."""

    folder: Path
    name: str = "run-1"
    version: str = VERSION
    commit: str = COMMIT
    notes: str = "What is new.\n"
    start: Callable[..., Finished] = observe
    clock: Clock = field(default_factory=Clock)
    said: list[str] = field(default_factory=list)

    @property
    def files(self) -> tuple[ReleaseFile, ...]:
        return gather_release_files(EXECUTABLE, self.version, self.folder)

    @property
    def wanted(self) -> Wanted:
        tag = release_tag(EXECUTABLE, self.version)
        marker = Marker(tag=tag, commit=self.commit, publisher=self.name)
        text = ReleaseText(
            tag=tag,
            commit=self.commit,
            title=tag,
            body=release_body(marker, self.notes),
            is_prerelease=is_prerelease(self.version),
            is_latest=False,
        )
        return Wanted(marker=marker, text=text, files=self.files)

    @property
    def github(self) -> GitHub:
        waiting = Waiting(sleep=self.clock.sleep, now=self.clock.now)
        return GitHub(Requests(self.folder, waiting=waiting, start=self.start, say=self.said.append))

    def publish(self) -> Release:
        return publish(self.github, EXECUTABLE, self.wanted, self.folder, self.said.append)

    def plan(self) -> Plan:
        return read_plan(self.github, EXECUTABLE, self.wanted)


def expected_digests(files: tuple[ReleaseFile, ...]) -> dict[str, str]:
    return {file.name: file.sha256 for file in files}


def is_settled(repository: Repository, tag: str) -> bool:
    """Whether the release is public, once, whole, and nothing of the way there is left."""
    held = [release for release in repository.releases.values() if release["tag_name"] == tag]
    if len(held) != 1 or held[0]["draft"] or repository.violations:
        return False
    return {asset["name"]: asset["digest"] for asset in held[0]["assets"]} == {
        name: f"sha256:{digest}" for name, digest in repository.expected.items()
    }
