"""Every fault at every request: no promise is broken, and the next run finishes.

The normal tests take some of the places; `nox -s faults` takes all, and prints how many faults it injected.
"""

import contextlib
import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from release_tools.errors import ReleaseError
from release_tools.releasing.errors import StoreRefusedError
from tests.release_tools.releasing.mirror.faulting_proxy import KINDS, FaultingProxy, FaultKind, Request
from tests.release_tools.releasing.mirror.mirroring import Killed, Mirrorer, is_complete, read_state
from tests.release_tools.releasing.mirror.s3_server import S3Server

# Places to take in the normal tests, and in the long ones.
some_or_all = pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.faults)], ids=["some", "all"])
OLD, NEW = "1.2.3", "1.3.0"


@dataclass
class Laboratory:
    """Makes a mirror with one old version for each experiment, and checks the outcome. `counts` are printed."""

    server: S3Server
    proxy: FaultingProxy
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)

    def new_mirrorer(self, *, is_empty: bool = False) -> Mirrorer:
        """A publisher of versions with three files, with the old version on its mirror, unless it `is_empty`."""
        prefix = self.server.new_prefix()
        mirrorer = Mirrorer(server=self.server, folder=self.folder, prefix=prefix, port=self.proxy.port, size=3)
        self.proxy.choose_fault = lambda _: None
        if not is_empty:
            mirrorer.mirror(OLD)
        self.proxy.requests.clear()
        return mirrorer

    def requests(self, action: Callable[[Mirrorer], object], *, is_empty: bool = False) -> list[Request]:
        """The requests of an action without faults."""
        action(self.new_mirrorer(is_empty=is_empty))
        return list(self.proxy.requests)

    def check(self, mirrorer: Mirrorer, action: Callable[[Mirrorer], object], name: str) -> None:
        """Run the action again, without faults, and compare what is in the store."""
        self.proxy.choose_fault = lambda _: None
        assert self.proxy.violations == [], name
        action(mirrorer)
        assert is_complete(mirrorer, [OLD, NEW], NEW), name
        assert self.proxy.violations == [], name
        self.counts[name] += 1


@pytest.fixture
def laboratory(s3: S3Server, proxy: FaultingProxy, tmp_path: Path) -> Iterator[Laboratory]:
    made = Laboratory(s3, proxy, tmp_path)
    yield made
    print("\n", *(f"{count:>5} {name}" for name, count in sorted(made.counts.items())), sep="\n")
    print(f"{sum(made.counts.values()):>5} experiments, {sum(proxy.injected.values())} faults: {proxy.injected}")


def mirror_new(mirrorer: Mirrorer) -> None:
    mirrorer.mirror(NEW)


@some_or_all
@pytest.mark.parametrize("is_lasting", [False, True], ids=["once", "lasting"])
def test_fault_at_any_request(laboratory: Laboratory, step: int, *, is_lasting: bool) -> None:
    places = [(kind, request) for request in laboratory.requests(mirror_new) for kind in KINDS[request.method]]
    places.sort(key=lambda place: place[0])
    outcomes: Counter[bool] = Counter()
    for kind, request in places[::step]:
        mirrorer = laboratory.new_mirrorer()
        laboratory.proxy.choose_fault = fault_at(request, kind, is_lasting=is_lasting)
        try:
            mirror_new(mirrorer)
            # Success is reported only if everything is done.
            assert is_complete(mirrorer, [OLD, NEW], NEW), (kind, request)
            outcomes[True] += 1
        except ReleaseError:
            # Anything else that happens once is retried within the run.
            assert is_lasting or kind in {"lie", "wrong secret"}
            outcomes[False] += 1
        laboratory.check(mirrorer, mirror_new, f"{kind}, {'until the end' if is_lasting else 'once'}")
    assert outcomes[not is_lasting]


def fault_at(request: Request, kind: FaultKind, *, is_lasting: bool) -> Callable[[Request], FaultKind | None]:
    def choose(current: Request) -> FaultKind | None:
        is_place = current.number == request.number or (is_lasting and current.number > request.number)
        return kind if is_place and kind in KINDS[current.method] else None

    return choose


@some_or_all
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_request(laboratory: Laboratory, step: int, moment: str) -> None:
    for place in laboratory.requests(mirror_new)[::step]:
        mirrorer = laboratory.new_mirrorer()

        def kill(number: int, at: int = place.number) -> None:
            if number == at:
                raise Killed

        with pytest.raises(Killed):
            mirror_new(mirrorer.observed(**{moment: kill}))
        laboratory.check(mirrorer, mirror_new, f"killed {moment} a request")


@some_or_all
@pytest.mark.parametrize("other", [OLD, NEW, "1.3.1", "1.4.0rc1"])
def test_another_publisher_between_any_two_requests(laboratory: Laboratory, step: int, other: str) -> None:
    newest = max(NEW, other) if "rc" not in other else NEW
    for place in laboratory.requests(mirror_new)[::step]:
        mirrorer = laboratory.new_mirrorer()

        def interrupt(number: int, at: int = place.number, mirrorer: Mirrorer = mirrorer) -> None:
            if number == at:
                mirrorer.mirror(other)

        mirror_new(mirrorer.observed(before=interrupt))
        assert is_complete(mirrorer, sorted({OLD, NEW, other}), newest)
        laboratory.counts[f"another publisher of {other} in between"] += 1


@some_or_all
def test_two_first_publishers_interleaved(laboratory: Laboratory, step: int) -> None:
    """Neither finds a manifest, and only one of them can create it."""
    for place in laboratory.requests(mirror_new, is_empty=True)[::step]:
        mirrorer = laboratory.new_mirrorer(is_empty=True)

        def interrupt(number: int, at: int = place.number, mirrorer: Mirrorer = mirrorer) -> None:
            if number == at:
                mirrorer.mirror("1.3.1")

        mirror_new(mirrorer.observed(before=interrupt))
        assert is_complete(mirrorer, [NEW, "1.3.1"], "1.3.1")
        laboratory.counts["two first publishers"] += 1


@some_or_all
def test_yank_between_any_two_requests(laboratory: Laboratory, step: int) -> None:
    laboratory.proxy.yanked.add(OLD)
    for place in laboratory.requests(mirror_new)[::step]:
        mirrorer = laboratory.new_mirrorer()

        def interrupt(number: int, at: int = place.number, mirrorer: Mirrorer = mirrorer) -> None:
            if number == at:
                mirrorer.yank(OLD)

        mirror_new(mirrorer.observed(before=interrupt))
        state = read_state(laboratory.server, mirrorer.prefix)
        assert (state.latest, [one.yanked for one in state.manifest.versions]) == (NEW, [False, True])
        laboratory.counts["yank in between"] += 1


@some_or_all
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_yank(laboratory: Laboratory, step: int, moment: str) -> None:
    laboratory.proxy.yanked.add(NEW)

    def both(mirrorer: Mirrorer) -> None:
        mirror_new(mirrorer)
        laboratory.proxy.requests.clear()
        mirrorer.yank(NEW)

    for place in laboratory.requests(both)[:: max(step // 3, 1)]:
        mirrorer = laboratory.new_mirrorer()
        mirror_new(mirrorer)

        def kill(number: int, at: int = place.number) -> None:
            if number == at:
                raise Killed

        with pytest.raises(Killed):
            mirrorer.observed(**{moment: kill}).yank(NEW)
        assert laboratory.proxy.violations == []
        mirrorer.yank(NEW)
        assert read_state(laboratory.server, mirrorer.prefix).latest == OLD
        mirrorer.yank(NEW, is_undone=True)
        laboratory.check(mirrorer, mirror_new, f"yank killed {moment} a request")


@some_or_all
def test_two_publishers_at_once_with_random_faults(laboratory: Laboratory, step: int) -> None:
    for seed in range(44 // step):
        mirrorer = laboratory.new_mirrorer()
        # Faults at random, to the same places of the sequence in each run of the test.
        chance = random.Random(seed)  # noqa: S311

        def choose(request: Request, chance: random.Random = chance) -> FaultKind | None:
            return chance.choice(KINDS[request.method]) if chance.random() < 0.15 else None

        laboratory.proxy.choose_fault = choose
        failures: list[BaseException] = []

        def publish(mirrorer: Mirrorer = mirrorer, failures: list[BaseException] = failures) -> None:
            try:
                for _ in range(30):
                    with contextlib.suppress(ReleaseError):
                        mirrorer.mirror(NEW, laboratory.folder / NEW)
                        return
            except BaseException as error:  # noqa: BLE001 - shown by the main thread
                failures.append(error)

        threads = [threading.Thread(target=publish) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        laboratory.check(mirrorer, mirror_new, "two publishers at once, with random faults")


def test_store_that_never_recovers_is_reported(laboratory: Laboratory) -> None:
    mirrorer = laboratory.new_mirrorer()
    laboratory.proxy.choose_fault = lambda _: "wrong secret"
    with pytest.raises(StoreRefusedError):
        mirror_new(mirrorer)
    assert len(laboratory.proxy.requests) == 1
    assert is_complete(mirrorer, [OLD], OLD)


def test_every_kind_of_fault_is_injected_somewhere() -> None:
    assert len(set(itertools.chain.from_iterable(KINDS.values()))) == 9
