"""Every point at which a publisher can end or lose its connection, and every order in which two can get in each other's
way. The repository itself notes whenever something public is not whole; see `github_server.Repository.violations`.
"""

import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest

from release_tools.archives import write_checksum
from release_tools.errors import ReleaseError
from release_tools.processes.run import Finished, observe
from release_tools.releasing.errors import PublishError
from tests.release_tools.releasing.conftest import needs_gh
from tests.release_tools.releasing.github_server import Fault, FaultKind, Repository, stand_in
from tests.release_tools.releasing.publishers import Publisher, is_settled
from tests.release_tools.releasing.subjects import COMMIT, TAG

When = Literal["before", "after"]

# The requests of a run that nothing disturbs; a test below holds the number.
SMOOTH_REQUESTS = 23


class Killed(BaseException):
    """The end of the publisher's process: nothing of it catches this."""


def killed_at(number: int, when: When, start: Callable[..., Finished]) -> Callable[..., Finished]:
    """`start` for a publisher that ends just before or after request `number`, counted from 1."""
    count = 0

    def begin(args: Sequence[str], **options: object) -> Finished:
        nonlocal count
        count += 1
        if count == number and when == "before":
            raise Killed
        finished = start(args, **options)
        if count == number:
            raise Killed
        return finished

    return begin


def test_an_undisturbed_run_has_the_number_of_requests_that_the_other_tests_go_through(
    publisher: Publisher, repository: Repository
) -> None:
    publisher.publish()
    assert len(repository.log) == SMOOTH_REQUESTS


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, SMOOTH_REQUESTS + 1))
def test_a_publisher_that_is_killed_at_any_request_leaves_nothing_partial_and_the_next_run_ends_published(
    number: int, when: When, publisher: Publisher, repository: Repository
) -> None:
    publisher.start = killed_at(number, when, stand_in(repository))
    with pytest.raises(Killed):
        publisher.publish()
    assert repository.violations == []
    publisher.start = stand_in(repository)
    publisher.publish()
    assert is_settled(repository, TAG)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, SMOOTH_REQUESTS + 1))
def test_a_connection_that_breaks_at_any_request_does_not_stop_the_run(
    number: int, when: When, publisher: Publisher, repository: Repository
) -> None:
    kind: Literal["drop before", "drop after"] = "drop before" if when == "before" else "drop after"
    repository.faults = [Fault(kind=kind, request=".", skip=number - 1)]
    publisher.publish()
    assert is_settled(repository, TAG)


@pytest.mark.parametrize("seed", range(40))
def test_any_series_of_faults_and_kills_ends_published_once_it_is_over(
    seed: int, publisher: Publisher, repository: Repository
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a series that can be repeated
    kinds: list[FaultKind] = [
        "drop before",
        "drop after",
        "part",
        "truncate",
        "corrupt",
        "stale",
        "no digest",
        "status",
    ]
    starts = 0
    while starts < 6 and not is_settled(repository, TAG):
        starts += 1
        repository.faults = [
            Fault(
                kind=chance.choice(kinds),
                request=".",
                skip=chance.randrange(SMOOTH_REQUESTS),
                times=chance.randrange(4),
            )
            for _ in range(3)
        ]
        publisher.start = killed_at(chance.randrange(1, 2 * SMOOTH_REQUESTS), "after", stand_in(repository))
        try:
            publisher.publish()
        except (Killed, ReleaseError):
            assert repository.violations == []
    repository.faults = []
    publisher.start = stand_in(repository)
    publisher.publish()
    assert is_settled(repository, TAG)


class Turns:
    """Lets one of several publishers make its next request at a time, in an order that a seed decides."""

    def __init__(self, seed: int, names: Sequence[str]) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a series that can be repeated
        self._condition = threading.Condition()
        self._running = list(names)
        self._next = self._chance.choice(self._running)

    def start(self, name: str, start: Callable[..., Finished]) -> Callable[..., Finished]:
        def begin(args: Sequence[str], **options: object) -> Finished:
            with self._condition:
                assert self._condition.wait_for(lambda: self._next == name, timeout=300)
                finished = start(args, **options)
                self._pass_on()
                return finished

        return begin

    def leave(self, name: str) -> None:
        with self._condition:
            self._running.remove(name)
            if self._next == name:
                self._pass_on()

    def _pass_on(self) -> None:
        if self._running:
            self._next = self._chance.choice(self._running)
        self._condition.notify_all()


def publish_at_once(publishers: Sequence[Publisher], turns: Turns) -> list[ReleaseError]:
    """Run all of them at once, each in a thread; what those said that did not end well."""
    errors: list[ReleaseError] = []

    def work(publisher: Publisher) -> None:
        try:
            publisher.publish()
        except ReleaseError as error:
            errors.append(error)
        finally:
            turns.leave(publisher.name)

    threads = [threading.Thread(target=work, args=(publisher,)) for publisher in publishers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("seed", range(60))
def test_publishers_at_once_make_one_release_and_all_of_them_end_well(
    seed: int, dist: Path, repository: Repository
) -> None:
    names = ["run-1", "run-2", "run-3"][: 2 + seed % 2]
    turns = Turns(seed, names)
    publishers = [Publisher(folder=dist, name=name, start=turns.start(name, stand_in(repository))) for name in names]
    assert publish_at_once(publishers, turns) == []
    assert is_settled(repository, TAG)


@pytest.mark.parametrize("seed", range(20))
def test_of_two_publishers_with_other_bytes_one_is_refused_and_the_release_is_whole(
    seed: int, dist: Path, tmp_path: Path, repository: Repository
) -> None:
    other = tmp_path / "dist"
    copy_release(dist, other)
    turns = Turns(seed, ["run-1", "run-2"])
    publishers = [
        Publisher(folder=folder, name=name, start=turns.start(name, stand_in(repository)))
        for folder, name in ((dist, "run-1"), (other, "run-2"))
    ]
    repository.expected = {}
    errors = publish_at_once(publishers, turns)
    assert [type(error) for error in errors] == [PublishError]
    [release] = repository.published
    digests = {asset["name"]: asset["digest"] for asset in release["assets"]}
    assert digests in [{file.name: f"sha256:{file.sha256}" for file in each.files} for each in publishers]


def copy_release(source: Path, target: Path) -> None:
    """The same release made of other bytes."""
    target.mkdir()
    for path in source.iterdir():
        if path.suffix != ".sha256":
            (target / path.name).write_bytes(path.read_bytes() + b"another build\n")
            write_checksum(target / path.name)


@pytest.mark.programs
@needs_gh
def test_with_gh_a_publisher_that_is_killed_after_each_step_gets_there_step_by_step(dist: Path, gh: Repository) -> None:
    """Each start ends right after its first change; so every state between two steps is met, and gone on from."""
    starts = 0
    while not gh.published:
        starts += 1
        publisher = Publisher(folder=dist, start=killed_after_a_change(observe))
        with pytest.raises(Killed):
            publisher.publish()
    assert (starts, len(gh.changes), gh.violations) == (12, 12, [])
    Publisher(folder=dist).publish()
    assert is_settled(gh, TAG)
    assert gh.published[0]["target_commitish"] == COMMIT


def killed_after_a_change(start: Callable[..., Finished]) -> Callable[..., Finished]:
    def begin(args: Sequence[str], **options: object) -> Finished:
        finished = start(args, **options)
        if args[args.index("--method") + 1] != "GET":
            raise Killed
        return finished

    return begin


@pytest.mark.programs
@needs_gh
def test_with_gh_two_publishers_at_once_make_one_release(dist: Path, gh: Repository) -> None:
    turns = Turns(1, ["run-1", "run-2"])
    publishers = [Publisher(folder=dist, name=name, start=turns.start(name, observe)) for name in ("run-1", "run-2")]
    assert publish_at_once(publishers, turns) == []
    assert is_settled(gh, TAG)
