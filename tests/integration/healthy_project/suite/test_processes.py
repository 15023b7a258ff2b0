"""Black-box tests of what concerns processes: signals, children, and the folder that the program is unpacked into."""

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

BINARY = os.environ["HEALTHY_BINARY"]
SECONDS = 60

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, forks and users are POSIX's")


@contextlib.contextmanager
def running(*arguments: str, temporary: Path, **options: object) -> Iterator[subprocess.Popen[str]]:
    """The program in a group of its own; whatever is left of that group is killed."""
    process = subprocess.Popen(
        [BINARY, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary)},
        **options,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=SECONDS)


@pytest.mark.parametrize(
    ("command", "end", "answer"),
    [
        ("interrupts", signal.SIGUSR1, "SIGINT SIGINT SIGTERM"),
        ("interrupted-loop", signal.SIGUSR1, "2 in a loop"),
    ],
)
def test_signals_to_the_group_count_once(command: str, end: int, answer: str, tmp_path: Path) -> None:
    with running(command, temporary=tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        for name in ("SIGINT", "SIGINT", "SIGTERM")[: len(answer.split()) if command == "interrupts" else 2]:
            os.killpg(process.pid, getattr(signal, name))
            assert process.stdout.readline() == "counted\n"
            # Nobody is faster at the keyboard.
            assert select.select([process.stdout], [], [], 0.2)[0] == []
        process.send_signal(end)
        assert process.communicate(timeout=SECONDS) == (f"{answer}\n", "")
        assert process.returncode == 0


def test_ctrl_c_on_terminal_counts_once(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    child = os.fork()
    if child == 0:
        os.login_tty(terminal)
        os.execve(BINARY, [BINARY, "interrupts"], {**os.environ, "TMPDIR": str(tmp_path)})  # noqa: S606
    os.close(terminal)
    shown = read_until(controller, b"ready\r\n")
    for count in (1, 2):
        os.write(controller, b"\x03")
        shown = read_until(controller, b"counted\r\n", shown, times=count)
        assert select.select([controller], [], [], 0.2)[0] == []
    os.kill(child, signal.SIGUSR1)
    assert b"SIGINT SIGINT" in read_until(controller, b"SIGINT SIGINT", shown)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(controller)


def read_until(terminal: int, mark: bytes, shown: bytes = b"", *, times: int = 1) -> bytes:
    while shown.count(mark) < times:
        assert select.select([terminal], [], [], SECONDS)[0], shown
        shown += os.read(terminal, 1000)
    return shown


def test_interrupt_raises_keyboard_interrupt_once(tmp_path: Path) -> None:
    with running("waiting", temporary=tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=SECONDS) == ("cleaned up\n", "")
        assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_process_has_its_real_parent_and_name() -> None:
    name = Path(BINARY).name
    finished = subprocess.run(
        [name, "identity"],
        env={**os.environ, "PATH": f"{Path(BINARY).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    assert finished.stdout == f"{os.getpid()} True\n"


@pytest.mark.parametrize("command", ["c-code", "cleared-environment"])
def test_feature_works(command: str, tmp_path: Path) -> None:
    with running(command, temporary=tmp_path) as process:
        expected = {"c-code": "nothing found: True\n", "cleared-environment": "[0, 1, 4]\n"}[command]
        assert process.communicate(timeout=SECONDS) == (expected, "")


def test_workers_leave_no_folder(tmp_path: Path) -> None:
    with running("workers", temporary=tmp_path) as process:
        assert process.communicate(timeout=SECONDS) == ("[0, 1, 4, 9, 16]\n", "")
    until(lambda: list(tmp_path.iterdir()) == [])


@pytest.mark.parametrize("command", ["daemon", "background"])
def test_files_stay_until_the_last_process_ends(command: str, tmp_path: Path) -> None:
    with running(command, temporary=tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        assert process.wait(SECONDS) == 0
        output, errors = process.communicate("\n", timeout=SECONDS)
        assert (output, errors) == ('later: {greeting: "Hello from a data file"}\n', "")
    until(lambda: list(tmp_path.iterdir()) == [])


def until(condition: object) -> None:
    """Wait for what another process does after its output has ended."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give up its rights")
def test_files_can_be_read_without_rights() -> None:
    if Path(BINARY).read_bytes().startswith(b"#!"):
        pytest.skip("from source, the environment's files are below a folder that only root can read")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        readable = shutil.copy(BINARY, folder)
        with running("without-rights", temporary=Path(folder), executable=readable) as process:
            output, errors = process.communicate(timeout=SECONDS)
            assert (output, errors) == ('{greeting: "Hello from a data file"}\n', "")
        assert [path.name for path in Path(folder).iterdir()] == [Path(BINARY).name]


def test_unhandled_interrupt_ends_the_program_as_python_does(tmp_path: Path) -> None:
    with running("unprepared", temporary=tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
        assert (output, process.returncode) == ("", -signal.SIGINT)
        assert errors.startswith("Traceback")
        assert errors.endswith("KeyboardInterrupt\n")
    assert list(tmp_path.iterdir()) == []


def test_folders_of_killed_starts_are_removed(tmp_path: Path) -> None:
    others = tmp_path / "_MEI7fffffffabcdef"
    others.mkdir()
    (tmp_path / "_MEI7ffffffeabcdef").symlink_to(others)
    for _ in range(3):
        with running("waiting", temporary=tmp_path) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            process.kill()
            process.wait(SECONDS)
    with running("waiting", temporary=tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        assert len(list(tmp_path.iterdir())) <= 3
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(SECONDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_MEI7ffffffeabcdef", "_MEI7fffffffabcdef"]


# Twenty starts in a row follow the first one.
LONGEST_ROW = 21
# Programs that wait for each other make a shorter row, since all of them run: (12 - 3) * 12 > 100.
LARGEST_TREE = 2**12 - 1
WAYS = ["run", "pipe", "detached", "shell", "C", "exec", "spawn", "posix_spawn", "worker", "code", "two"]


@pytest.mark.skipif(Path(BINARY).read_bytes().startswith(b"#!"), reason="from source, nothing ends a fork bomb")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes run a program")
@pytest.mark.parametrize("way", WAYS)
def test_program_cannot_start_itself_without_end(way: str, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    folder = tmp_path / "unpacked"
    folder.mkdir()
    environment = {**os.environ, "TMPDIR": str(folder), "HEALTHY_WAY": way, "HEALTHY_STARTS": str(starts)}
    # Some ways leave the process group, so the program has a path of its own, by which all are found.
    program = Path(shutil.copy(BINARY, tmp_path))
    first = subprocess.Popen(
        [program, "start-itself"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        # All have the pipe, or a parent that waits for them has it. A list of processes may miss one that starts while
        # its parent ends.
        first.communicate(timeout=SECONDS)
        until(lambda: not is_running(program))
    finally:
        while is_running(program):
            for process in processes_of(program):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        _, errors = first.communicate()
    count = len(starts.read_text(encoding="ascii").split())
    assert 5 <= count <= (LARGEST_TREE if way == "two" else LONGEST_ROW), errors
    assert list(folder.iterdir()) == []


def is_running(program: Path) -> bool:
    return processes_of(program) != []


def processes_of(program: Path) -> list[int]:
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdecimal() and (path / "exe").readlink() == program:
                found.append(int(path.name))
    return found
