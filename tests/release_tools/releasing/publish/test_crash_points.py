"""Publishers that are killed, lose their connection, or run concurrently.

The fake repository records it when an incomplete release is published: `FakeRepository.violations`.
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
from tests.release_tools.releasing.fake_github import FakeRepository, Fault, FaultKind, fake_gh
from tests.release_tools.releasing.publishers import Publisher, is_fully_published
from tests.release_tools.releasing.sample_release import COMMIT, TAG

When = Literal["before", "after"]

# The requests of an undisturbed run; a test below checks the number.
UNDISTURBED_REQUESTS = 25


class Killed(BaseException):
    """The end of the publisher's process: no `except` of it catches this."""


def killed_at(number: int, when: When, start: Callable[..., Finished]) -> Callable[..., Finished]:
    """`start` for a publisher that is killed before or after its `number`th request."""
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


def test_undisturbed_run_has_known_number_of_requests(publisher: Publisher, repository: FakeRepository) -> None:
    publisher.publish()
    assert len(repository.log) == UNDISTURBED_REQUESTS


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, UNDISTURBED_REQUESTS + 1))
def test_publisher_killed_at_any_request_resumes(
    number: int, when: When, publisher: Publisher, repository: FakeRepository
) -> None:
    publisher.start = killed_at(number, when, fake_gh(repository))
    with pytest.raises(Killed):
        publisher.publish()
    assert repository.violations == []
    publisher.start = fake_gh(repository)
    publisher.publish()
    assert is_fully_published(repository, TAG)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, UNDISTURBED_REQUESTS + 1))
def test_connection_lost_at_any_request_is_retried(
    number: int, when: When, publisher: Publisher, repository: FakeRepository
) -> None:
    kind: Literal["drop before", "drop after"] = "drop before" if when == "before" else "drop after"
    repository.faults = [Fault(kind=kind, request=".", skip=number - 1)]
    publisher.publish()
    assert is_fully_published(repository, TAG)


@pytest.mark.parametrize("seed", range(40))
def test_random_faults_and_kills_end_published(seed: int, publisher: Publisher, repository: FakeRepository) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
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
    while starts < 6 and not is_fully_published(repository, TAG):
        starts += 1
        repository.faults = [
            Fault(
                kind=chance.choice(kinds),
                request=".",
                skip=chance.randrange(UNDISTURBED_REQUESTS),
                times=chance.randrange(4),
            )
            for _ in range(3)
        ]
        publisher.start = killed_at(chance.randrange(1, 2 * UNDISTURBED_REQUESTS), "after", fake_gh(repository))
        try:
            publisher.publish()
        except (Killed, ReleaseError):
            assert repository.violations == []
    repository.faults = []
    publisher.start = fake_gh(repository)
    publisher.publish()
    assert is_fully_published(repository, TAG)


class Turns:
    """Interleaves the requests of concurrent publishers, in an order that a seed decides."""

    def __init__(self, seed: int, names: Sequence[str]) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._condition = threading.Condition()
        self._running = list(names)
        self._next = self._chance.choice(self._running)

    def start(self, name: str, start: Callable[..., Finished]) -> Callable[..., Finished]:
        def begin(args: Sequence[str], **options: object) -> Finished:
            with self._condition:
                assert self._condition.wait_for(lambda: self._next == name, timeout=300)
                finished = start(args, **options)
                self._choose_next()
                return finished

        return begin

    def leave(self, name: str) -> None:
        with self._condition:
            self._running.remove(name)
            if self._next == name:
                self._choose_next()

    def _choose_next(self) -> None:
        if self._running:
            self._next = self._chance.choice(self._running)
        self._condition.notify_all()


def publish_concurrently(publishers: Sequence[Publisher], turns: Turns) -> list[ReleaseError]:
    """Run each publisher in a thread; returns the errors."""
    errors: list[ReleaseError] = []

    def work(publisher: Publisher) -> None:
        try:
            publisher.publish()
        except ReleaseError as error:
            errors.append(error)
        finally:
            turns.leave(publisher.publisher_id)

    threads = [threading.Thread(target=work, args=(publisher,)) for publisher in publishers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("seed", range(60))
def test_concurrent_publishers_make_one_release(seed: int, dist: Path, repository: FakeRepository) -> None:
    names = ["run-1", "run-2", "run-3"][: 2 + seed % 2]
    turns = Turns(seed, names)
    publishers = [
        Publisher(folder=dist, publisher_id=name, start=turns.start(name, fake_gh(repository))) for name in names
    ]
    assert publish_concurrently(publishers, turns) == []
    assert is_fully_published(repository, TAG)


@pytest.mark.parametrize("seed", range(20))
def test_of_two_different_builds_one_is_refused(
    seed: int, dist: Path, tmp_path: Path, repository: FakeRepository
) -> None:
    other = tmp_path / "dist"
    copy_release(dist, other)
    turns = Turns(seed, ["run-1", "run-2"])
    publishers = [
        Publisher(folder=folder, publisher_id=name, start=turns.start(name, fake_gh(repository)))
        for folder, name in ((dist, "run-1"), (other, "run-2"))
    ]
    repository.expected = {}
    errors = publish_concurrently(publishers, turns)
    assert [type(error) for error in errors] == [PublishError]
    [release] = repository.published
    published = {asset["name"]: asset["digest"] for asset in release["assets"]}
    assert published in [{file.name: f"sha256:{file.sha256}" for file in each.files} for each in publishers]


def copy_release(source: Path, target: Path) -> None:
    """Copy a release with different bytes."""
    target.mkdir()
    for path in source.iterdir():
        if path.suffix != ".sha256":
            (target / path.name).write_bytes(path.read_bytes() + b"another build\n")
            write_checksum(target / path.name)


def test_publisher_killed_after_each_change_resumes_with_gh(dist: Path, gh: FakeRepository) -> None:
    """Each run is killed after its first change, so the next one resumes from every intermediate state."""
    starts = 0
    while not gh.published:
        starts += 1
        publisher = Publisher(folder=dist, start=killed_after_a_change(observe))
        with pytest.raises(Killed):
            publisher.publish()
    assert (starts, len(gh.changes), gh.violations) == (12, 12, [])
    Publisher(folder=dist).publish()
    assert is_fully_published(gh, TAG)
    assert gh.tags == {TAG: COMMIT}


def killed_after_a_change(start: Callable[..., Finished]) -> Callable[..., Finished]:
    def begin(args: Sequence[str], **options: object) -> Finished:
        finished = start(args, **options)
        if args[args.index("--method") + 1] != "GET":
            raise Killed
        return finished

    return begin


def test_concurrent_publishers_make_one_release_with_gh(dist: Path, gh: FakeRepository) -> None:
    turns = Turns(1, ["run-1", "run-2"])
    publishers = [
        Publisher(folder=dist, publisher_id=name, start=turns.start(name, observe)) for name in ("run-1", "run-2")
    ]
    assert publish_concurrently(publishers, turns) == []
    assert is_fully_published(gh, TAG)
