"""The watchdog ends a program that doesn't end by itself."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from agent_runner import watchdog
from agent_runner.errors import EXIT_LIMIT
from agent_runner.output import Reporter
from agent_runner.processes import ChildTrackingLoop
from agent_runner.watchdog import exit_at_timeout


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr(os, "_exit", found.append)
    return found


@pytest.fixture
def loop() -> Iterator[ChildTrackingLoop]:
    with closing(ChildTrackingLoop()) as created:
        yield created


def end_of_watchdog(stopped: threading.Event | None = None) -> None:
    (thread,) = (each for each in threading.enumerate() if each.name == "watchdog")
    if stopped is not None:
        stopped.set()
    thread.join()


def test_program_that_does_not_end_is_ended(
    exits: list[int], loop: ChildTrackingLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_GRACE_SECONDS", 0.0)
    exit_at_timeout(0.1, "--timeout", Reporter(), loop)
    end_of_watchdog()
    assert exits == [EXIT_LIMIT]


def test_program_that_reports_its_end_may_finish(
    exits: list[int], loop: ChildTrackingLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_GRACE_SECONDS", 60.0)
    reporter = Reporter(detail="quiet")
    reporter.completed("answer")
    # Its time is up, with the grace, when it begins.
    stopped = exit_at_timeout(-60.0, "--timeout", reporter, loop)
    end_of_watchdog(stopped)
    assert exits == []


def test_program_that_cannot_finish_its_report_is_ended(
    exits: list[int], loop: ChildTrackingLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_GRACE_SECONDS", 0.1)
    reporter = Reporter(detail="quiet")
    reporter.completed("answer")
    exit_at_timeout(0.0, "--timeout", reporter, loop)
    end_of_watchdog()
    assert exits == [EXIT_LIMIT]
