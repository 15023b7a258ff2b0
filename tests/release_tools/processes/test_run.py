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
from release_tools.processes.run import (
    capture,
    changed_environment,
    observe,
    run,
    run_logged,
    started,
    started_with_log,
)

pytestmark = pytest.mark.programs

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sessions, modes and signals")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_is_decoded_as_utf8(tmp_path: Path) -> None:
    assert capture(python("import sys; sys.stdout.buffer.write('✓'.encode())"), cwd=tmp_path) == "✓"


def test_undecodable_output_is_escaped(tmp_path: Path) -> None:
    assert capture(python("import sys; sys.stdout.buffer.write(b'\\xff')"), cwd=tmp_path) == "\\xff"


def test_failure_carries_command_and_output(tmp_path: Path) -> None:
    command = python("import sys; print('last words'); sys.exit(3)")
    with pytest.raises(CommandFailedError) as caught:
        capture(command, cwd=tmp_path)
    assert (caught.value.command, caught.value.output) == (tuple(command), "last words\n")
    assert caught.value.outcome.endswith(" 3")


def test_failure_of_a_terminal_program_counts_as_reported(tmp_path: Path) -> None:
    with pytest.raises(ReportedError) as caught:
        run(python("raise SystemExit(4)"), cwd=tmp_path)
    assert (caught.value.is_reported, caught.value.code) == (True, 4)


@POSIX_ONLY
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_killed_terminal_program_is_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(KilledError) as caught:
        run(python(f"import os, signal; os.kill(os.getpid(), signal.{name})"), cwd=tmp_path)
    assert (caught.value.is_reported, caught.value.code) == (False, -getattr(signal, name))


def test_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError) as caught:
        capture(["no-such-program"], cwd=tmp_path)
    assert caught.value.tool == "no-such-program"


def test_environment_changes_add_and_remove(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("GONE", "1")
    changed = changed_environment({"GONE": None, "NEW": "2"})
    assert (changed.get("KEPT"), changed.get("NEW"), "GONE" in changed) == ("1", "2", False)


def test_observed_program_gets_exactly_the_given_environment(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    finished = observe(
        python("import os; print(*(name for name in os.environ if name.startswith('M')))"),
        cwd=tmp_path,
        environment={**kept, "MINE": "1"},
        timeout_seconds=60,
    )
    assert (finished.code, finished.stdout.strip()) == (0, "MINE")


def test_timeout_kills_the_program_and_its_children(tmp_path: Path) -> None:
    # The grandchild keeps the pipe open, so reading to its end waits for that process too.
    grandchild = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import threading; threading.Event().wait()'])"
    )
    with pytest.raises(CommandFailedError) as caught:
        observe(python(grandchild), cwd=tmp_path, environment=dict(os.environ), timeout_seconds=2)
    assert "after 2 s" in caught.value.outcome


def test_log_contains_stdout_and_stderr(tmp_path: Path) -> None:
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
def test_daemon_that_keeps_the_output_open_is_not_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_GRACE_SECONDS", 0.2)
    # It leaves the process group, and prints its pid so that the test can kill it.
    code = """
import os, threading
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
    threading.Event().wait()
"""
    with pytest.raises(CommandFailedError) as caught:
        observe(python(code), cwd=tmp_path, environment=dict(os.environ), timeout_seconds=2)
    os.kill(int(caught.value.output), signal.SIGKILL)


@POSIX_ONLY
def test_relative_path_entry_is_resolved_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "hello").write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    (tmp_path / "bin" / "hello").chmod(0o755)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert capture(["hello"], cwd=tmp_path / "elsewhere", env={"PATH": "bin"}) == "hello\n"


@POSIX_ONLY
def test_file_without_execute_permission_is_not_missing(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o644)
    with pytest.raises(PermissionError):
        capture([str(program)], cwd=tmp_path)


# Two threads wait for programs that never exit, and each program for its child.
IN_THREADS = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from release_tools.processes.run import kill_all_at_signals, observe
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
kill_all_at_signals()
waiting = [sys.executable, "-c", "import sys, threading; pipe = open(sys.argv[1], 'w'); threading.Event().wait()"]
nested = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", *waiting]
def wait(pipe):
    observe([*nested, pipe], cwd=Path(), environment=dict(os.environ), timeout_seconds=600)
try:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(wait, [*sys.argv[1:], "never started"]))
except KeyboardInterrupt as error:
    sys.exit(f"stopped by {error}")
"""


@POSIX_ONLY
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signal_kills_programs_that_threads_wait_for(tmp_path: Path, name: str) -> None:
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
            # A pipe ends with the last process that has it open.
            assert (one.read(), two.read()) == (b"", b"")
        _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (1, f"stopped by {name}\n")


RUN = """
import signal, sys
from pathlib import Path
from release_tools.processes.run import run
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
signal.signal(signal.SIGINT, signal.default_int_handler)
run(sys.argv[2:], cwd=Path())
"""


@contextmanager
def running_terminal_program(folder: Path, code: str, hang_up: str = "SIG_DFL") -> Iterator["subprocess.Popen[str]"]:
    """A process in a new session that `run`s Python code, once the code has printed "ready"."""
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
def test_interrupted_terminal_program_may_clean_up(tmp_path: Path) -> None:
    # Its cleanup takes longer than `subprocess.run` would wait before killing it.
    slow = """
import pathlib, signal, threading
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print('ready', flush=True)
signal.sigwait({signal.SIGINT})
threading.Event().wait(1)
pathlib.Path('ended').touch()
"""
    with running_terminal_program(tmp_path, slow) as program:
        os.killpg(program.pid, signal.SIGINT)
        program.communicate(timeout=60)
    assert (tmp_path / "ended").is_file()


# Blocked signals stay pending, so none gets lost between a handler's installation and the wait.
WAITING = """
import pathlib, signal
signals = {getattr(signal, name) for name in NAMES.split()}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print('ready', flush=True)
pathlib.Path('ended').write_text(signal.Signals(signal.sigwait(signals)).name)
"""


@POSIX_ONLY
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_termination_signal_is_forwarded(tmp_path: Path, name: str) -> None:
    with running_terminal_program(tmp_path, WAITING.replace("NAMES", repr(name))) as program:
        program.send_signal(getattr(signal, name))
        program.communicate(timeout=60)
    assert (tmp_path / "ended").read_text(encoding="utf-8") == name


@POSIX_ONLY
def test_second_signal_does_not_shorten_the_grace_period(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "may-exit")
    slow = """
import pathlib, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print('ready', flush=True)
signal.sigwait({signal.SIGTERM})
print('cleaning up', flush=True)
pathlib.Path('may-exit').read_text()
"""
    with running_terminal_program(tmp_path, slow) as program:
        assert program.stdout is not None
        program.send_signal(signal.SIGTERM)
        assert program.stdout.readline() == "cleaning up\n"
        # Once during the interrupt, once during the grace period: neither kills it.
        for _ in range(2):
            program.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                program.wait(timeout=1.5)
        (tmp_path / "may-exit").write_text("now", encoding="utf-8")
        assert program.wait(timeout=60)


# The signal arrives when the program runs and `Popen` hasn't returned yet.
RUN_WITH_EARLY_SIGNAL = """
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
def test_signal_during_the_start_is_forwarded(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    program = WAITING.replace("NAMES", "'SIGTERM'").replace(
        "print('ready', flush=True)", "pathlib.Path('started').write_text('')"
    )
    subprocess.run(
        [*python(RUN_WITH_EARLY_SIGNAL), *python(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )
    assert (tmp_path / "ended").read_text(encoding="utf-8") == "SIGTERM"


@POSIX_ONLY
def test_program_that_missed_the_interrupt_is_terminated(tmp_path: Path) -> None:
    with running_terminal_program(tmp_path, WAITING.replace("NAMES", "'SIGTERM'")) as program:
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=60)
    assert (tmp_path / "ended").read_text(encoding="utf-8") == "SIGTERM"


@POSIX_ONLY
def test_program_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    with running_terminal_program(tmp_path, WAITING.replace("NAMES", "'SIGTERM SIGHUP'"), "SIG_IGN") as program:
        program.send_signal(signal.SIGHUP)
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)
    assert (tmp_path / "ended").read_text(encoding="utf-8") == "SIGTERM"


WAIT = "import threading; print('ready', flush=True); threading.Event().wait()"
WITH_A_CHILD = f"""
import os
child = os.fork()
if child == 0:
    os.write(1, b"%d\\n" % os.getpid())
    {WAIT}
os.waitpid(child, 0)
"""


@POSIX_ONLY
def test_running_program_can_be_signalled(tmp_path: Path) -> None:
    with started(python(WAIT), cwd=tmp_path, environment={}, timeout_seconds=60) as program:
        assert program.read_line() == "ready"
        program.send_signal(signal.SIGTERM)
        assert program.read_rest() == ""
        assert program.wait() == -signal.SIGTERM
    assert not program.is_out_of_time


@POSIX_ONLY
def test_descendants_die_with_the_block(tmp_path: Path) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    code = f"alive = open({str(pipe)!r}, 'wb')\n{WITH_A_CHILD}"
    with started(python(code), cwd=tmp_path, environment={}, timeout_seconds=60) as program:
        alive = pipe.open("rb")
        child = int(program.read_line())
        program.kill()
        program.wait()
        os.kill(child, 0)
    with alive:
        # It ends with the last process that has it open.
        assert alive.read() == b""


@POSIX_ONLY
def test_timeout_kills_program_and_descendants(tmp_path: Path) -> None:
    with started(python(WITH_A_CHILD), cwd=tmp_path, environment={}, timeout_seconds=1) as program:
        assert int(program.read_line()) > 0
        assert program.read_rest() == "ready\n"
        assert program.wait() == -signal.SIGKILL
    assert program.is_out_of_time


@POSIX_ONLY
def test_background_program_has_low_priority_and_a_log(tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    os.mkfifo(begin)
    code = (
        f"import os, pathlib, sys; open({str(begin)!r}).read(); print('one')\n"
        "own = pathlib.Path('/proc/self/autogroup')\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0), own.read_text() if own.exists() else '', file=sys.stderr)"
    )
    log = tmp_path / "log"
    with started_with_log(
        python(code),
        cwd=tmp_path,
        environment={"PYTHONUNBUFFERED": "1"},
        timeout_seconds=60,
        log=log,
        in_background=True,
    ) as program:
        begin.write_text("")
        assert program.wait() == 0
    first, niceness, *session = log.read_text(encoding="utf-8").split()
    assert first == "one"
    assert int(niceness) > os.getpriority(os.PRIO_PROCESS, 0)
    # The kernel prints the autogroup's name, "nice", and its niceness.
    assert not session or session[-1] == niceness


@POSIX_ONLY
def test_logged_program_dies_with_its_block(tmp_path: Path) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    code = f"alive = open({str(pipe)!r}, 'wb')\n{WAIT}"
    with started_with_log(
        python(code), cwd=tmp_path, environment={}, timeout_seconds=60, log=tmp_path / "log", in_background=False
    ):
        alive = pipe.open("rb")
    with alive:
        assert alive.read() == b""
