import dataclasses
import os
import threading

import pytest

from release_tools.reporting.records import CheckResult
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import Check, CheckFailedError, CheckSkippedError, Phase, VerificationContext
from release_tools.verification.checks import CHECKS, PHASES
from release_tools.verification.runner import verify
from release_tools.verification.starts import running
from tests.release_tools.verification.packaged import make_context


def fails(_: VerificationContext) -> str:
    raise CheckFailedError("it broke", "fix it")


def is_skipped(_: VerificationContext) -> str:
    raise CheckSkippedError("not here")


def crashes(_: VerificationContext) -> str:
    raise ZeroDivisionError("unexpected")


def phase(*checks: Check, is_concurrent: bool = True) -> Phase:
    return Phase(checks=checks, is_concurrent=is_concurrent)


PHASES_OF_THREE = (
    phase(Check(name="first", needs="archive", run=fails)),
    phase(
        Check(name="second", needs="archive", run=is_skipped),
        Check(name="third", needs="archive", run=lambda _: "3 things"),
        is_concurrent=False,
    ),
)


@pytest.mark.parametrize(("keep_going", "verdicts"), [(False, ["failed"]), (True, ["failed", "skipped", "passed"])])
def test_first_failure_stops_unless_told_to_continue(
    settings: ReleaseSettings, keep_going: bool, verdicts: list[str]
) -> None:
    announced: list[str] = []
    results = verify(make_context(settings), keep_going=keep_going, on_check=announced.append, phases=PHASES_OF_THREE)
    assert [result.verdict for result in results] == verdicts
    assert announced == ["first", "second", "third"][: len(verdicts)]
    assert dataclasses.replace(results[0], seconds=0) == CheckResult(
        name="first", verdict="failed", figure="it broke", hint="fix it"
    )


def test_checks_of_a_phase_run_concurrently(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2)
    meeting, met = threading.Barrier(2, timeout=30), set()

    def meet(context: VerificationContext) -> str:
        met.add(context.check)
        meeting.wait()
        return "met"

    phases = (
        phase(Check(name="one", needs="archive", run=meet), Check(name="other", needs="archive", run=meet)),
        phase(Check(name="later", needs="archive", run=lambda _: f"after {len(met)}")),
    )
    results = verify(make_context(settings), keep_going=False, on_check=lambda _: None, phases=phases)
    assert [result.figure for result in results] == ["met", "met", "after 2"]


def test_earliest_of_concurrent_failures_is_reported(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2)
    meeting = threading.Barrier(2, timeout=30)

    def fail_together(_: VerificationContext) -> str:
        meeting.wait()
        raise CheckFailedError("it broke", "fix it")

    checks = [Check(name=name, needs="archive", run=fail_together) for name in ("one", "other")]
    results = verify(make_context(settings), keep_going=False, on_check=lambda _: None, phases=[phase(*checks)])
    assert [result.name for result in results] == ["one"]


def test_checks_before_a_failed_one_still_run(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 1)
    checks = (
        Check(name="before", needs="host", run=lambda _: "done"),
        Check(name="long", needs="host", run=fails, is_long=True),
        Check(name="after", needs="host", run=lambda _: "done too"),
    )
    announced: list[str] = []
    results = verify(make_context(settings), keep_going=False, on_check=announced.append, phases=[phase(*checks)])
    assert announced == ["long", "before"]
    assert [result.name for result in results] == ["before", "long"]


def test_failed_phase_keeps_the_next_from_starting(settings: ReleaseSettings) -> None:
    announced: list[str] = []
    phases = (
        phase(Check(name="bytes", needs="archive", run=fails)),
        phase(Check(name="long", needs="host", run=lambda _: "done", is_long=True)),
    )
    verify(make_context(settings), keep_going=False, on_check=announced.append, phases=phases)
    assert announced == ["bytes"]


def test_crashed_check_fails_and_others_continue(settings: ReleaseSettings) -> None:
    phases = (phase(Check(name="broken", needs="archive", run=crashes)), *PHASES_OF_THREE)
    results = verify(make_context(settings), keep_going=True, on_check=lambda _: None, phases=phases)
    assert [result.verdict for result in results] == ["failed", "failed", "skipped", "passed"]
    assert "ZeroDivisionError: unexpected (test_runner.py:" in results[0].figure


def test_check_without_evidence_of_a_build_is_skipped(settings: ReleaseSettings) -> None:
    phases = [phase(Check(name="of the build", needs="build", run=lambda _: "checked"))]
    (result,) = verify(make_context(settings), keep_going=True, on_check=lambda _: None, phases=phases)
    assert result.verdict == "skipped"


def test_first_phase_needs_only_the_archive() -> None:
    assert {check.needs for check in PHASES[0].checks} == {"archive"}
    assert "archive" not in {check.needs for phase in PHASES[1:] for check in phase.checks}
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_temporary_files_are_checked_last() -> None:
    assert CHECKS[-1].run is running.check_temporary_files
    assert not PHASES[-1].is_concurrent
