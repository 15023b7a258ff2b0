"""Storing runs on this machine."""

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from agent_runner import local_runs
from agent_runner.errors import UsageError
from agent_runner.local_runs import LocalRun, all_runs, delete_old_runs, find_run, last_run
from agent_runner.stored_runs import (
    STEP_FORMAT,
    IncompatibleRunError,
    Outcome,
    RunInput,
    StateError,
    Step,
    UnknownRunError,
)

INPUT = RunInput(
    agent_path="/a/triage.yaml", agent_text="model: test", model_names=("test",), prompt="hi", directory="/"
)


def begun(folder: Path, run_id: str) -> LocalRun:
    run = LocalRun(folder / run_id, INPUT)
    run.begin()
    return run


def ended(folder: Path, run_id: str, begun_at: int) -> LocalRun:
    run = begun(folder, run_id)
    run.finish(Outcome(status="completed", output="done"))
    run.release()
    os.utime(folder / run_id / "lock", (begun_at, begun_at))
    return run


def test_steps_are_read_by_another_process(tmp_path: Path) -> None:
    run = begun(tmp_path, "aa")
    steps = [Step(kind="response", value={"kept": 0}), Step(kind="tool_result", value={"content": "grüße"})]
    for step in steps:
        asyncio.run(run.append(step))

    other = LocalRun(tmp_path / "aa")

    assert other.steps() == steps
    assert other.stored_input().prompt == "hi"
    assert (other.summary().status, other.summary().step_count) == ("running", 2)
    run.release()


def test_run_without_owner_is_interrupted(tmp_path: Path) -> None:
    begun(tmp_path, "aa").release()

    assert LocalRun(tmp_path / "aa").summary().status == "interrupted"


def test_owned_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_runs, "_LOCK_WAIT_SECONDS", 0)
    run = begun(tmp_path, "aa")

    with pytest.raises(UsageError), LocalRun(tmp_path / "aa").locked():
        pytest.fail("two processes own it")
    run.release()
    with LocalRun(tmp_path / "aa").locked():
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_runs_are_private(tmp_path: Path) -> None:
    begun(tmp_path / "runs", "aa").release()

    assert stat.S_IMODE((tmp_path / "runs" / "aa").stat().st_mode) == 0o700


def test_id_may_be_shortened_to_what_is_unique(tmp_path: Path) -> None:
    for number, run_id in enumerate(("ab1", "ab2", "cd3")):
        ended(tmp_path, run_id, number)

    assert find_run(tmp_path, "cd").run_id == "cd3"
    assert last_run(tmp_path).run_id == "cd3"
    for unknown in ("ab", "x", ""):
        with pytest.raises(UnknownRunError):
            find_run(tmp_path, unknown)


def test_only_old_and_finished_runs_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(tmp_path, "unfinished").release()
    os.utime(tmp_path / "unfinished" / "lock", (0, 0))
    for number in range(1, 4):
        ended(tmp_path, f"run{number}", number)
    monkeypatch.setattr(local_runs, "KEPT_RUNS", 2)

    delete_old_runs(tmp_path)

    assert sorted(run.run_id for run in all_runs(tmp_path)) == ["run2", "run3", "unfinished"]


def test_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "aa").mkdir()
    (tmp_path / "aa" / "run.db").write_bytes(b"nonsense" * 200)

    with pytest.raises(StateError) as caught:
        LocalRun(tmp_path / "aa").summary()

    assert "aa" in caught.value.message


def test_input_of_a_later_version_with_the_same_format_is_read() -> None:
    stored = {**INPUT.as_json(), "attachments": []}

    assert RunInput.from_json("aa", stored).prompt == "hi"


def test_input_of_another_format_is_refused_by_name() -> None:
    stored = {**INPUT.as_json(), "format": STEP_FORMAT + 1, "program_version": "9.8.7"}

    with pytest.raises(IncompatibleRunError) as caught:
        RunInput.from_json("aa", stored)

    assert "9.8.7" in caught.value.message
