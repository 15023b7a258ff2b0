"""A program that is started, talked to by signals, and ended together with all that it started."""

import os
import signal
import sys
from pathlib import Path

import pytest

from release_tools.processes.run import started, started_with_log

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]

WAIT = "import threading; print('ready', flush=True); threading.Event().wait()"
WITH_A_CHILD = f"""
import os
child = os.fork()
if child == 0:
    os.write(1, b"%d\\n" % os.getpid())
    {WAIT}
os.waitpid(child, 0)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_signals_and_exit_codes_pass_between_program_and_caller(tmp_path: Path) -> None:
    with started(python(WAIT), cwd=tmp_path, environment={}, timeout_seconds=60) as program:
        assert program.read_line() == "ready"
        program.send_signal(signal.SIGTERM)
        assert program.read_rest() == ""
        assert program.wait() == -signal.SIGTERM
    assert not program.is_out_of_time


def test_what_a_program_started_does_not_outlive_the_block(tmp_path: Path) -> None:
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
        # Its end comes with the last process that has it open.
        assert alive.read() == b""


def test_a_program_whose_time_is_up_is_ended_with_what_it_started(tmp_path: Path) -> None:
    with started(python(WITH_A_CHILD), cwd=tmp_path, environment={}, timeout_seconds=1) as program:
        assert int(program.read_line()) > 0
        assert program.read_rest() == "ready\n"
        assert program.wait() == -signal.SIGKILL
    assert program.is_out_of_time


def test_a_program_in_the_background_gives_way_and_writes_all_it_prints_to_its_log(tmp_path: Path) -> None:
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
    # As the kernel writes it: the session's name, "nice", and its niceness.
    assert not session or session[-1] == niceness


def test_a_program_in_the_background_does_not_outlive_the_block(tmp_path: Path) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    code = f"alive = open({str(pipe)!r}, 'wb')\n{WAIT}"
    with started_with_log(
        python(code), cwd=tmp_path, environment={}, timeout_seconds=60, log=tmp_path / "log", in_background=False
    ):
        alive = pipe.open("rb")
    with alive:
        assert alive.read() == b""
