import io

import pytest
from rich.console import Console

from release_tools.bootstrap.stages import STAGES, done_line, stage_line
from release_tools.reporting import progress as progress_module
from release_tools.reporting.progress import Progress


def test_a_line_of_progress_tells_which_of_how_many() -> None:
    assert stage_line("environment", "") == f"[1/{len(STAGES)}] environment"
    assert done_line("freeze", 71.23) == f"[3/{len(STAGES)}] freeze       done in 71.2 s"


def test_stages_are_announced_and_timed() -> None:
    console = Console(file=io.StringIO(), width=100)
    progress = Progress(console, {"environment": 2.5})
    with progress.stage("freeze"):
        progress.step("Analyzing")
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "[3/7] freeze"
    assert lines[-1].startswith("[3/7] freeze       done in ")
    assert list(progress.seconds) == ["environment", "freeze"]


def test_a_long_stage_gives_signs_of_life_off_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=100)
    progress = Progress(console, {})
    with progress.stage("freeze"):
        progress.step("too early to tell")
        monkeypatch.setattr(progress_module, "SIGN_OF_LIFE_SECONDS", -1.0)
        progress.step("Building PYZ [archive]")
    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert "too early" not in output
    assert "s: Building PYZ [archive]" in output


def test_a_stage_that_fails_is_not_called_done() -> None:
    console = Console(file=io.StringIO(), width=100)
    progress = Progress(console, {})
    with pytest.raises(ValueError, match="broken"), progress.stage("freeze"):
        raise ValueError("broken")
    assert "done" not in console.file.getvalue()  # type: ignore[attr-defined]
    assert progress.seconds == {}


def test_a_terminal_shows_the_step_that_is_under_way() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    progress = Progress(console, {})
    with progress.stage("freeze"):
        progress.step("Analyzing")
    assert "done in" in console.file.getvalue()  # type: ignore[attr-defined]
