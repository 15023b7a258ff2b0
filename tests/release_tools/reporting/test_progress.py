import io

import pytest
from rich.console import Console

from release_tools.bootstrap.stages import STAGES, done_line, stage_line
from release_tools.reporting import progress as progress_module
from release_tools.reporting.progress import Progress


def test_line_numbers_the_stage() -> None:
    assert stage_line("environment", "") == f"[1/{len(STAGES)}] environment"
    assert done_line("freeze", 71.23) == f"[3/{len(STAGES)}] freeze       done in 71.2 s"


def test_stages_are_shown_and_timed(console: Console, output: io.StringIO) -> None:
    progress = Progress(console, {"environment": 2.5})
    with progress.stage("freeze"):
        progress.step("Analyzing")
    first, last = output.getvalue().splitlines()
    assert first == "[3/7] freeze"
    assert last == done_line("freeze", progress.seconds["freeze"])
    assert list(progress.seconds) == ["environment", "freeze"]


def test_long_stage_prints_heartbeats_without_terminal(
    console: Console, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(console, {})
    with progress.stage("freeze"):
        progress.step("too early")
        monkeypatch.setattr(progress_module, "HEARTBEAT_SECONDS", -1.0)
        progress.step("Building PYZ [archive]")
    assert "too early" not in output.getvalue()
    assert "s: Building PYZ [archive]" in output.getvalue()


def test_failed_stage_is_not_recorded(console: Console, output: io.StringIO) -> None:
    progress = Progress(console, {})
    with pytest.raises(ZeroDivisionError), progress.stage("freeze"):
        raise ZeroDivisionError
    assert "done" not in output.getvalue()
    assert progress.seconds == {}


def test_terminal_shows_current_step(output: io.StringIO) -> None:
    progress = Progress(Console(file=output, width=100, force_terminal=True), {})
    with progress.stage("freeze"):
        progress.step("Analyzing")
    assert "Analyzing" in output.getvalue()
