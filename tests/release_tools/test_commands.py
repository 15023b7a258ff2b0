import os
import sys
from pathlib import Path

import pytest

from release_tools.commands import capture, changed_environment, observe, run, run_logged
from release_tools.errors import CommandFailedError, MissingToolError, ToldError

pytestmark = pytest.mark.programs


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_output_of_a_program_is_returned_as_utf8(tmp_path: Path) -> None:
    assert capture(python("import sys; sys.stdout.buffer.write('✓'.encode())"), cwd=tmp_path) == "✓"


def test_bytes_that_are_no_text_do_not_stop_the_work(tmp_path: Path) -> None:
    assert capture(python("import sys; sys.stdout.buffer.write(b'\\xff')"), cwd=tmp_path) == "\\xff"


def test_a_failing_program_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(CommandFailedError, match=r"ended with exit code 3\n  \| last words\nhint: "):
        capture(python("import sys; print('last words'); sys.exit(3)"), cwd=tmp_path)


def test_a_failing_program_that_talks_to_the_terminal_is_not_told_twice(tmp_path: Path) -> None:
    with pytest.raises(ToldError) as caught:
        run(python("raise SystemExit(4)"), cwd=tmp_path)
    assert caught.value.is_told


def test_a_program_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match="'no-such-program' was not found"):
        capture(["no-such-program"], cwd=tmp_path)


def test_changes_to_the_environment_add_replace_and_remove(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("GONE", "1")
    changed = changed_environment({"GONE": None, "NEW": "2"})
    assert (changed.get("KEPT"), changed.get("NEW"), "GONE" in changed) == ("1", "2", False)


def test_an_observed_program_sees_only_the_environment_it_is_given(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    finished = observe(
        python("import os; print(*(name for name in os.environ if name.startswith('M')))"),
        cwd=tmp_path,
        environment={**kept, "MINE": "1"},
        timeout_seconds=60,
    )
    assert (finished.code, finished.stdout.strip()) == (0, "MINE")


def test_a_program_that_does_not_end_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    # The grandchild holds the pipe open: reading to its end returns only once that process is gone too.
    grandchild = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import threading; threading.Event().wait()'])"
    )
    with pytest.raises(CommandFailedError, match=r"still running after 2 s"):
        observe(python(grandchild), cwd=tmp_path, environment=dict(os.environ), timeout_seconds=2)


def test_a_logged_program_leaves_both_streams_in_the_log(tmp_path: Path) -> None:
    seen: list[str] = []
    log = tmp_path / "log"
    code = run_logged(
        python("import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(5)"),
        cwd=tmp_path,
        env={},
        log=log,
        on_line=seen.append,
    )
    assert code == 5
    assert seen == ["out", "err"] == log.read_text(encoding="utf-8").splitlines()
