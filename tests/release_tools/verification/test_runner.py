import dataclasses
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.errors import ReleaseError
from release_tools.findings import Finding
from release_tools.reporting.records import CheckResult
from release_tools.settings import AllowedFinding, ReleaseSettings
from release_tools.verification.check import (
    Assumption,
    Check,
    CheckFailedError,
    CheckSkippedError,
    Passed,
    Phase,
    VerificationContext,
    refuse,
)
from release_tools.verification.checks import CHECKS, PHASES
from release_tools.verification.runner import verify
from release_tools.verification.starts import commands
from tests.release_tools.installed import PROJECT, environment_of, install
from tests.release_tools.verification.context_variants import as_build
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


@pytest.mark.parametrize(("fail_fast", "verdicts"), [(True, ["failed"]), (False, ["failed", "skipped", "passed"])])
def test_all_checks_run_unless_told_to_stop(settings: ReleaseSettings, fail_fast: bool, verdicts: list[str]) -> None:
    announced: list[str] = []
    results = verify(make_context(settings), fail_fast=fail_fast, on_check=announced.append, phases=PHASES_OF_THREE)
    assert [result.verdict for result in results] == verdicts
    assert announced == ["first", "second", "third"][: len(verdicts)]
    assert dataclasses.replace(results[0], seconds=0) == CheckResult(
        name="first", verdict="failed", figure="it broke", hint="fix it", findings=(Finding(text="it broke"),)
    )


@pytest.mark.parametrize(
    ("disproved", "skipped"),
    [
        (Assumption.VERSION_IS_PRINTED, ["places"]),
        (Assumption.PROGRAM_STARTS, ["smoke", "places"]),
        (Assumption.PYTHON_STARTS, ["twin", "smoke", "places"]),
        (None, []),
    ],
)
def test_failed_start_skips_what_would_fail_again(
    settings: ReleaseSettings, disproved: Assumption | None, skipped: list[str]
) -> None:
    def does_not_start(_: VerificationContext) -> str:
        raise CheckFailedError("it doesn't start", "fix it", disproves=disproved)

    others = {
        "bytes": Assumption.NOTHING,
        "twin": Assumption.PYTHON_STARTS,
        "smoke": Assumption.PROGRAM_STARTS,
        "places": Assumption.VERSION_IS_PRINTED,
    }
    phases = [
        phase(Check(name="version", needs="archive", run=does_not_start)),
        phase(*(Check(name=name, needs="archive", run=lambda _: "1", assumes=it) for name, it in others.items())),
    ]
    results = verify(make_context(settings), fail_fast=False, on_check=lambda _: None, phases=phases)
    assert [result.name for result in results if result.verdict == "skipped"] == skipped


def test_check_cannot_disprove_what_it_assumes(settings: ReleaseSettings) -> None:
    def hangs(_: VerificationContext) -> str:
        raise CheckFailedError("the command hangs", "fix it", disproves=Assumption.PROGRAM_STARTS)

    smoke = Check(name="smoke", needs="archive", run=hangs, assumes=Assumption.PROGRAM_STARTS)
    other = Check(name="other", needs="archive", run=lambda _: "1", assumes=Assumption.PROGRAM_STARTS)
    results = verify(
        make_context(settings), fail_fast=False, on_check=lambda _: None, phases=[phase(smoke), phase(other)]
    )
    assert [result.verdict for result in results] == ["failed", "passed"]


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
    results = verify(make_context(settings), fail_fast=True, on_check=lambda _: None, phases=phases)
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
    results = verify(make_context(settings), fail_fast=True, on_check=lambda _: None, phases=[phase(*checks)])
    assert [result.name for result in results] == ["one"]


@pytest.mark.parametrize(
    ("fail_fast", "order"), [(False, ["long", "before", "failing"]), (True, ["before", "failing"])]
)
def test_long_check_begins_first_unless_a_failure_can_make_it_needless(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, fail_fast: bool, order: list[str]
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 1)
    checks = (
        Check(name="long", needs="archive", run=lambda _: "done too", is_long=True),
        Check(name="before", needs="archive", run=lambda _: "done"),
        Check(name="failing", needs="archive", run=fails),
    )
    announced: list[str] = []
    results = verify(make_context(settings), fail_fast=fail_fast, on_check=announced.append, phases=[phase(*checks)])
    assert announced == order
    assert {result.name for result in results} == set(order)


def test_long_check_waits_for_all_short_ones(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2)
    may_end, ended = threading.Event(), []

    def end_late(_: VerificationContext) -> str:
        assert may_end.wait(30)
        ended.append("short")
        return "done"

    def announce(name: str) -> None:
        if name == "other":
            may_end.set()
        if name == "long":
            assert ended == ["short"]

    checks = (
        Check(name="late", needs="archive", run=end_late),
        Check(name="long", needs="archive", run=lambda _: "done", is_long=True),
        Check(name="other", needs="archive", run=lambda _: "done"),
    )
    results = verify(make_context(settings), fail_fast=True, on_check=announce, phases=[phase(*checks)])
    assert [result.verdict for result in results] == ["passed"] * 3


def test_failed_phase_keeps_the_next_from_starting(settings: ReleaseSettings) -> None:
    announced: list[str] = []
    phases = (
        phase(Check(name="bytes", needs="archive", run=fails)),
        phase(Check(name="long", needs="host", run=lambda _: "done", is_long=True)),
    )
    verify(make_context(settings), fail_fast=True, on_check=announced.append, phases=phases)
    assert announced == ["bytes"]


def test_crashed_check_fails_and_others_continue(settings: ReleaseSettings) -> None:
    phases = (phase(Check(name="broken", needs="archive", run=crashes)), *PHASES_OF_THREE)
    results = verify(make_context(settings), fail_fast=False, on_check=lambda _: None, phases=phases)
    assert [result.verdict for result in results] == ["failed", "failed", "skipped", "passed"]
    assert "ZeroDivisionError: unexpected (test_runner.py:" in results[0].figure


def test_check_without_evidence_of_a_build_is_skipped(settings: ReleaseSettings) -> None:
    phases = [phase(Check(name="of the build", needs="build", run=lambda _: "checked"))]
    (result,) = verify(make_context(settings), fail_fast=False, on_check=lambda _: None, phases=phases)
    assert result.verdict == "skipped"


def test_first_phase_needs_only_the_archive() -> None:
    assert {check.needs for check in PHASES[0].checks} == {"archive"}
    assert "archive" not in {check.needs for phase in PHASES[1:] for check in phase.checks}
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_temporary_files_are_checked_last() -> None:
    assert CHECKS[-1].run is commands.check_temporary_files
    assert not PHASES[-1].is_concurrent


def result_of(context: VerificationContext, check: Check) -> CheckResult:
    (result,) = verify(context, fail_fast=False, on_check=lambda _: None, phases=[phase(check)])
    return result


def finds_two(context: VerificationContext) -> str:
    refuse(context, {"lib/a.so": "old", "lib/b.so": "old"}, what="old files", hint="update them")
    return "none"


def lacks_disk(_: VerificationContext) -> str:
    raise ReleaseError("the disk is full\nof other things", "delete some")


def allowing(settings: ReleaseSettings, *findings: str, check: str = "any") -> ReleaseSettings:
    entries = tuple(AllowedFinding(check=check, finding=finding, reason="it may") for finding in findings)
    return dataclasses.replace(settings, allowed_findings=entries)


@pytest.mark.parametrize(
    ("run", "finding"),
    [
        (fails, "it broke"),
        (finds_two, "lib/*"),
        (finds_two, "lib/*: old"),
        (lacks_disk, "the disk is full"),
        (crashes, "the check itself crashed: ZeroDivisionError: unexpected*"),
    ],
)
def test_allowed_finding_passes_any_check(
    settings: ReleaseSettings, run: Callable[[VerificationContext], str], finding: str
) -> None:
    context = as_build(make_context(allowing(settings, finding)))
    result = result_of(context, Check(name="any", needs="archive", run=run))
    assert result.verdict == "passed"
    assert all("it may" in note for note in result.notes)
    assert result.notes


@pytest.mark.parametrize(
    ("finding", "check"),
    [("it", "any"), ("broke", "any"), ("it.broke", "any"), ("*broke!", "any"), ("it broke", "another")],
)
def test_other_finding_or_check_allows_nothing(settings: ReleaseSettings, finding: str, check: str) -> None:
    context = make_context(allowing(settings, finding, check=check))
    assert result_of(context, Check(name="any", needs="archive", run=fails)).is_failed


def test_details_that_differ_in_process_ids_are_alike(settings: ReleaseSettings) -> None:
    def crashes_twice(context: VerificationContext) -> str:
        details = {f"place {n}": f"it printed:\nKeyError\n[PYI-{n}:ERROR] gone after {n}.5 s" for n in range(5)}
        refuse(context, details, what="it fails", hint="fix it")
        return "fine"

    result = result_of(make_context(settings), Check(name="any", needs="archive", run=crashes_twice))
    assert result.figure.count("KeyError") == 1
    assert len(result.findings) == 5


@pytest.mark.parametrize(("given", "cure"), [(None, 'whole-distributions = ["pluggy"]'), ("", ""), ("a = 1", "a = 1")])
def test_cure_is_looked_for_unless_given(
    settings: ReleaseSettings, tmp_path: Path, given: str | None, cure: str
) -> None:
    def lacks_module(_: VerificationContext) -> str:
        raise CheckFailedError("it fails", "fix it", output="No module named 'pluggy._hooks'", cure=given)

    dependency = install(tmp_path / "site", "pluggy", {"pluggy/_hooks.py": ""})
    installed = environment_of(install(tmp_path / "site", PROJECT, {"tiny_app/cli.py": ""}), dependency)
    context = as_build(make_context(settings), installed=installed)
    assert result_of(context, Check(name="any", needs="archive", run=lacks_module)).cure == cure


def test_rest_of_partly_allowed_findings_fails(settings: ReleaseSettings) -> None:
    result = result_of(make_context(allowing(settings, "lib/a.so")), Check(name="any", needs="archive", run=finds_two))
    assert [finding.text for finding in result.findings] == ["lib/b.so"]
    assert result.notes == ("allowed: lib/a.so (it may)",)


def test_findings_of_one_entry_are_one_note(settings: ReleaseSettings) -> None:
    context = make_context(allowing(settings, "lib/*", "lib/a.so"))
    notes = result_of(context, Check(name="any", needs="archive", run=finds_two)).notes
    assert notes[0] == "allowed: 2 findings like lib/* (it may)"
    assert notes[1].endswith("lib/a.so")


def test_entry_that_matched_nothing_is_noted(settings: ReleaseSettings) -> None:
    context = make_context(allowing(settings, "long gone"))
    result = result_of(context, Check(name="any", needs="archive", run=lambda _: Passed(figure="1", notes=("odd",))))
    assert result.verdict == "passed"
    assert result.notes[0] == "odd"
    assert "long gone" in result.notes[1]
    skipped = result_of(context, Check(name="any", needs="archive", run=is_skipped))
    assert skipped.notes == ()


def test_finding_is_the_same_in_every_build(settings: ReleaseSettings) -> None:
    context = make_context(settings)

    def fails_there(context: VerificationContext) -> str:
        text = f"[PYI-712:ERROR] {context.scratch}/t/_MEIa1b2c3/tiny.cfg: gone after 12.5 s in {settings.root}"
        raise CheckFailedError(text, "bundle it")

    (finding,) = result_of(context, Check(name="any", needs="archive", run=fails_there)).findings
    assert finding.text == "[PYI-*:ERROR] */t/_MEI*/tiny.cfg: gone after * s in *"


@pytest.mark.parametrize("is_identity", [True, False])
def test_identity_of_a_downloaded_archive_cannot_be_allowed(settings: ReleaseSettings, is_identity: bool) -> None:
    context = make_context(allowing(settings, "*"))
    check = Check(name="any", needs="archive", run=fails, is_identity=is_identity)
    assert result_of(context, check).is_failed == is_identity
    assert result_of(as_build(context), check).verdict == "passed"
    assert result_of(context, Check(name="any", needs="archive", run=lacks_disk)).is_failed


def test_final_failure_cannot_be_allowed(settings: ReleaseSettings) -> None:
    def inflates(_: VerificationContext) -> str:
        raise CheckFailedError("a zip bomb", "don't run it", is_final=True)

    result = result_of(make_context(allowing(settings, "*")), Check(name="any", needs="archive", run=inflates))
    assert result.is_failed
    assert result.findings == ()
