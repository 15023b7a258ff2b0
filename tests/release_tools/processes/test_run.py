import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from release_tools.errors import CommandFailedError, KilledError, MissingToolError, ReportedError
from release_tools.processes import run as commands
from release_tools.processes.run import capture, changed_environment, observe, run, run_logged

pytestmark = pytest.mark.programs

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sessions, modes and signals")


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
    with pytest.raises(ReportedError) as caught:
        run(python("raise SystemExit(4)"), cwd=tmp_path)
    assert caught.value.is_reported


@POSIX_ONLY
@pytest.mark.parametrize(("number", "words"), [("SIGKILL", "9 (Killed"), ("SIGTERM", "15 (Terminated")])
def test_a_program_that_talks_to_the_terminal_and_is_killed_is_told(tmp_path: Path, number: str, words: str) -> None:
    with pytest.raises(KilledError) as caught:
        run(python(f"import os, signal; os.kill(os.getpid(), signal.{number})"), cwd=tmp_path)
    assert f"was ended by signal {words}" in str(caught.value)
    assert ("the memory was too little" in caught.value.hint) == (number == "SIGKILL")
    assert not caught.value.is_reported


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


REPOSITORY = Path(__file__).parents[3]


@POSIX_ONLY
def test_a_daemon_that_holds_the_output_open_does_not_hold_up_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_SECONDS_TO_END", 0.2)
    # It leaves the process group, and says its number so that this test can end it.
    code = """
import os, threading
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
    threading.Event().wait()
"""
    with pytest.raises(CommandFailedError, match=r"still running after 2 s") as caught:
        observe(python(code), cwd=tmp_path, environment=dict(os.environ), timeout_seconds=2)
    os.kill(int(caught.value.what.rpartition("| ")[2]), signal.SIGKILL)


@POSIX_ONLY
def test_a_program_on_a_relative_path_is_found_from_the_folder_it_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "hello").write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    (tmp_path / "bin" / "hello").chmod(0o755)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert capture(["hello"], cwd=tmp_path / "elsewhere", env={"PATH": "bin"}) == "hello\n"


@POSIX_ONLY
def test_a_file_that_may_not_be_executed_is_not_called_missing(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o644)
    with pytest.raises(PermissionError):
        capture([str(program)], cwd=tmp_path)


# Two threads wait for programs that never end, and each of these for a child of its own.
IN_THREADS = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from release_tools.processes.run import end_all_at_signals, observe
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
end_all_at_signals()
waiting = [sys.executable, "-c", "import sys, threading; pipe = open(sys.argv[1], 'w'); threading.Event().wait()"]
nested = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", *waiting]
def wait(pipe):
    observe([*nested, pipe], cwd=Path(), environment=dict(os.environ), timeout_seconds=100)
try:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(wait, [*sys.argv[1:], "never started"]))
except KeyboardInterrupt as error:
    sys.exit(f"ended by {error}")
"""


@POSIX_ONLY
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_ends_what_threads_wait_for(tmp_path: Path, name: str) -> None:
    pipes = [tmp_path / "one", tmp_path / "two"]
    for pipe in pipes:
        os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-c", IN_THREADS, *map(str, pipes)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        with pipes[0].open("rb") as one, pipes[1].open("rb") as two:
            program.send_signal(getattr(signal, name))
            # The end of a pipe comes with the last process that has it open.
            assert (one.read(), two.read()) == (b"", b"")
        _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (1, f"ended by {name}\n")


RUN = """
import signal, sys
from pathlib import Path
from release_tools.processes.run import run
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
signal.signal(signal.SIGINT, signal.default_int_handler)
run(sys.argv[2:], cwd=Path())
"""


@contextmanager
def running_for_the_terminal(folder: Path, code: str, hang_up: str = "SIG_DFL") -> Iterator["subprocess.Popen[str]"]:
    """A process in a session of its own that `run`s Python code, once the code has printed "ready"."""
    with subprocess.Popen(
        [*python(RUN), hang_up, *python(code)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        yield program


@POSIX_ONLY
def test_a_program_that_talks_to_the_terminal_may_end_its_own_work_when_interrupted(tmp_path: Path) -> None:
    # It takes longer to end than the time after which `subprocess.run` kills what it runs.
    slow = """
import pathlib, signal, threading
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print('ready', flush=True)
signal.sigwait({signal.SIGINT})
threading.Event().wait(1)
pathlib.Path('ended').touch()
"""
    with running_for_the_terminal(tmp_path, slow) as program:
        os.killpg(program.pid, signal.SIGINT)
        program.communicate(timeout=60)
    assert (tmp_path / "ended").is_file()


# A signal that arrives between the last instruction and an endless wait would be noticed only by the next one; blocked
# signals stay pending.
WAITING = """
import pathlib, signal
wanted = {getattr(signal, name) for name in WANTED.split()}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print('ready', flush=True)
pathlib.Path('ended').write_text(signal.Signals(signal.sigwait(wanted)).name)
"""


@POSIX_ONLY
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_request_to_end_goes_on_to_the_program_that_talks_to_the_terminal(tmp_path: Path, name: str) -> None:
    with running_for_the_terminal(tmp_path, WAITING.replace("WANTED", repr(name))) as program:
        program.send_signal(getattr(signal, name))
        program.communicate(timeout=60)
    assert (tmp_path / "ended").read_text(encoding="utf-8") == name


@POSIX_ONLY
def test_a_request_that_comes_twice_leaves_the_program_its_time_to_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "may-end")
    slow = """
import pathlib, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print('ready', flush=True)
signal.sigwait({signal.SIGTERM})
print('ending', flush=True)
pathlib.Path('may-end').read_text()
"""
    with running_for_the_terminal(tmp_path, slow) as program:
        assert program.stdout is not None
        program.send_signal(signal.SIGTERM)
        assert program.stdout.readline() == "ending\n"
        # Once while it is interrupted, and once while it gives the program its five seconds: neither ends it.
        for _ in range(2):
            program.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                program.wait(timeout=1.5)
        (tmp_path / "may-end").write_text("now", encoding="utf-8")
        assert program.wait(timeout=60)


# The request comes when the program runs and `Popen` has not returned yet.
RUN_WITH_EARLY_REQUEST = """
import os, signal, subprocess, sys
from pathlib import Path
from release_tools.processes.run import run
class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        Path('started').read_text()
        os.kill(os.getpid(), signal.SIGTERM)
subprocess.Popen = Popen
run(sys.argv[1:], cwd=Path())
"""


@POSIX_ONLY
def test_request_to_end_while_a_program_starts_reaches_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    program = """
import pathlib, signal, threading
def end(*_):
    pathlib.Path('ended').touch()
    raise SystemExit
signal.signal(signal.SIGTERM, end)
pathlib.Path('started').write_text('')
threading.Event().wait(60)
"""
    subprocess.run(
        [*python(RUN_WITH_EARLY_REQUEST), *python(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )
    assert (tmp_path / "ended").exists()


@POSIX_ONLY
def test_a_program_that_an_interrupt_did_not_reach_is_asked_to_end(tmp_path: Path) -> None:
    with running_for_the_terminal(tmp_path, WAITING.replace("WANTED", "'SIGTERM'")) as program:
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=60)
    assert (tmp_path / "ended").read_text(encoding="utf-8") == "SIGTERM"


@POSIX_ONLY
def test_what_nohup_started_outlives_its_terminal(tmp_path: Path) -> None:
    with running_for_the_terminal(tmp_path, WAITING.replace("WANTED", "'SIGTERM SIGHUP'"), "SIG_IGN") as program:
        program.send_signal(signal.SIGHUP)
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)
    assert (tmp_path / "ended").read_text(encoding="utf-8") == "SIGTERM"
