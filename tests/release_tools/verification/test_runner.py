import dataclasses
import os
import sys
import threading

import pytest

from release_tools.reporting.records import CheckResult
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import Check, CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.checks import CHECKS
from release_tools.verification.runner import verify
from release_tools.verification.starts import running
from tests.release_tools.verification.packaged import make_context

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]


def fails(_: VerificationContext) -> str:
    raise CheckFailedError("it broke", "mend it")


def is_skipped(_: VerificationContext) -> str:
    raise CheckSkippedError("not here")


THREE_CHECKS = (
    Check(name="first", needs="archive", run=fails),
    Check(name="second", needs="archive", run=is_skipped, is_alone=True),
    Check(name="third", needs="archive", run=lambda _: "3 things", is_alone=True),
)


@pytest.mark.parametrize(("keep_going", "verdicts"), [(False, ["failed"]), (True, ["failed", "skipped", "passed"])])
def test_verification_stops_at_the_first_failure_unless_told_to_go_on(
    settings: ReleaseSettings, keep_going: bool, verdicts: list[str]
) -> None:
    announced: list[str] = []
    results = verify(make_context(settings), keep_going=keep_going, on_check=announced.append, checks=THREE_CHECKS)
    assert [result.verdict for result in results] == verdicts
    assert announced == ["first", "second", "third"][: len(verdicts)]
    assert dataclasses.replace(results[0], seconds=0) == CheckResult(
        name="first", verdict="failed", figure="it broke", hint="mend it"
    )


def test_checks_run_side_by_side_but_for_those_that_are_alone(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2)
    meeting, running_now = threading.Barrier(2, timeout=30), set()

    def meet(_: VerificationContext) -> str:
        running_now.add(threading.get_ident())
        meeting.wait()
        return "met"

    def is_alone(_: VerificationContext) -> str:
        return f"after {len(running_now)}"

    checks = (
        Check(name="one", needs="archive", run=meet),
        Check(name="other", needs="archive", run=meet),
        Check(name="alone", needs="archive", run=is_alone, is_alone=True),
    )
    results = verify(make_context(settings), keep_going=False, on_check=lambda _: None, checks=checks)
    assert [result.figure for result in results] == ["met", "met", "after 2"]


def test_of_failures_side_by_side_the_first_in_order_is_told(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2)
    meeting = threading.Barrier(2, timeout=30)

    def fail_together(_: VerificationContext) -> str:
        meeting.wait()
        raise CheckFailedError("it broke", "mend it")

    checks = tuple(Check(name=name, needs="archive", run=fail_together) for name in ("one", "other"))
    results = verify(make_context(settings), keep_going=False, on_check=lambda _: None, checks=checks)
    assert [result.name for result in results] == ["one"]


def test_what_comes_before_a_failure_is_made_and_what_comes_after_is_not(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 1)
    checks = (
        Check(name="bytes", needs="archive", run=lambda _: "right"),
        Check(name="before", needs="host", run=lambda _: "made"),
        Check(name="long", needs="host", run=fails, is_long=True),
        Check(name="after", needs="host", run=lambda _: "made as well"),
    )
    announced: list[str] = []
    results = verify(make_context(settings), keep_going=False, on_check=announced.append, checks=checks)
    assert announced == ["bytes", "long", "before"]
    assert [result.name for result in results] == ["bytes", "before", "long"]


def test_no_long_check_begins_while_the_bytes_are_not_found_right(settings: ReleaseSettings) -> None:
    checks = (
        Check(name="bytes", needs="archive", run=fails),
        Check(name="long", needs="host", run=lambda _: "made", is_long=True),
    )
    announced: list[str] = []
    verify(make_context(settings), keep_going=False, on_check=announced.append, checks=checks)
    assert announced == ["bytes"]


def breaks(_: VerificationContext) -> str:
    raise ZeroDivisionError("nobody foresaw it")


def test_a_check_that_breaks_has_failed_and_the_others_are_still_made(settings: ReleaseSettings) -> None:
    checks = (Check(name="broken", needs="archive", run=breaks), *THREE_CHECKS)
    results = verify(make_context(settings), keep_going=True, on_check=lambda _: None, checks=checks)
    assert [result.verdict for result in results] == ["failed", "failed", "skipped", "passed"]
    assert results[0].figure.startswith("the check itself broke: ZeroDivisionError: nobody foresaw it (test_run")


def test_what_a_terminal_would_obey_is_written_out(settings: ReleaseSettings) -> None:
    code = r"import sys; sys.stdout.buffer.write(b'\x1b[2J\xe2\x80\xaeall good \xc3\xa9\r\n'); sys.exit(1)"
    with pytest.raises(CheckFailedError) as caught:
        running.check_version(make_context(settings, code))
    assert caught.value.what.endswith("\\x1b[2J\\u202eall good é")


def test_the_look_at_temporary_files_comes_last() -> None:
    assert CHECKS[-1].run is running.check_temporary_files
