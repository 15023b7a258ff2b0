import fcntl
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.freeze.runtime import bootloader, unpacked_folder
from release_tools.freeze.runtime.unpacking import MARKER

REPOSITORY = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the locks are POSIX's")


# No system has as many processes.
ENDED = itertools.count(0x7FFF0000)


def unpack(folder: Path, process: int, app: str = "tiny") -> Path:
    """A folder as the bootloader of `process` unpacks it."""
    unpacked = folder / f"_MEI{process:08x}abcdef"
    (unpacked / "package").mkdir(parents=True)
    (unpacked / MARKER).write_text(app, encoding="utf-8")
    return unpacked


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this process, which has the bootloader as its parent."""
    folder = unpack(tmp_path, os.getppid())
    monkeypatch.setattr(unpacked_folder, "BUNDLE", str(folder))
    return folder


def test_dead_folders_of_the_app_are_removed(own: Path) -> None:
    dead = [unpack(own.parent, next(ENDED)) for _ in range(2)]
    kept = dead[0].rename(f"{dead[0]}.kept")
    unpacked_folder.sweep()
    assert [path.exists() for path in (own, kept, dead[1])] == [True, False, False]


def other_app(folder: Path) -> Path:
    return unpack(folder, next(ENDED), app="other")


def without_marker(folder: Path) -> Path:
    unpacked = unpack(folder, next(ENDED))
    (unpacked / MARKER).unlink()
    return unpacked


def of_running_process(folder: Path) -> Path:
    return unpack(folder, os.getpid())


def link(folder: Path) -> Path:
    path = folder / f"_MEI{next(ENDED):08x}abcdef"
    path.symlink_to(unpack(folder / "elsewhere", next(ENDED)))
    return path


def other_name(folder: Path) -> Path:
    return unpack(folder, next(ENDED)).rename(folder / "_MEIpass")


@pytest.mark.parametrize("make", [other_app, without_marker, of_running_process, link, other_name])
def test_every_other_folder_stays(own: Path, make: Callable[[Path], Path]) -> None:
    folder = make(own.parent)
    unpacked_folder.sweep()
    assert (folder / "package").exists()


def test_marker_is_removed_last(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpack(own.parent, next(ENDED))
    seen: list[bool] = []
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: seen.append((folder / MARKER).is_file()))
    unpacked_folder.sweep()
    assert seen == [True, True]


def test_locked_folder_stays(own: Path) -> None:
    folder = unpack(own.parent, next(ENDED))
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    unpacked_folder.sweep()
    assert folder.exists()
    os.close(descriptor)
    unpacked_folder.sweep()
    assert not folder.exists()


def test_folder_of_another_user_stays(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpack(own.parent, next(ENDED))
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    unpacked_folder.sweep()
    assert folder.exists()


def test_start_spends_limited_time_on_others(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpack(own.parent, next(ENDED))
    monkeypatch.setattr(unpacked_folder, "SWEEP_SECONDS", -1)
    unpacked_folder.sweep()
    assert folder.exists()


def test_everybody_may_read_before_the_user_changes(own: Path) -> None:
    program = own / "program"
    program.touch(0o700)
    (own / "data").touch(0o600)
    seen: list[int] = []
    unpacked_folder.after_opening(seen.append)(1000)
    modes = [path.stat().st_mode & 0o777 for path in (own / "package", program, own / "data")]
    assert (seen, modes) == ([1000], [0o755, 0o755, 0o644])


# Unpacks a folder, starts the program that the first argument has, and removes the folder when it has ended.
BOOTLOADER = """
import os, shutil, subprocess, sys
folder = os.path.join(sys.argv[1], f"_MEI{os.getpid():08x}abcdef")
os.mkdir(folder)
for name in ("!app", "file"):
    open(os.path.join(folder, name), "w").close()
code = subprocess.call([sys.executable, "-c", sys.argv[2], folder])
shutil.rmtree(folder)
sys.exit(code)
"""
PROGRAM = f"""
import os, sys
sys._MEIPASS = sys.argv[1]
sys.path.insert(0, {str(REPOSITORY)!r})
from release_tools.freeze.runtime import bootloader, unpacked_folder
from release_tools.freeze.runtime.unpacking import MARKER
bootloader.install(); unpacked_folder.install()
file = os.path.join(sys._MEIPASS, "file")
"""
# Waits for a line.
DAEMON = """
if os.fork() == 0:
    os.setsid()
    sys.stdin.readline()
    os.write(1, b"has it" if os.path.exists(file) else b"lost it")
    os._exit(0)
"""


def run_program(tmp_path: Path, code: str, bootloader: str = BOOTLOADER) -> subprocess.Popen[bytes]:
    """Start a program as a bootloader does; return once that has ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", bootloader, tmp_path, PROGRAM + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.wait(60) == 0
    return process


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline


def until_put_back(folder: Path) -> None:
    """Wait for the process that puts the program's folder back once the bootloader has removed the empty one."""
    until(lambda: any(folder.glob("_MEI*abcdef/file")))


def until_empty(folder: Path) -> None:
    """Wait for the processes that end after the program."""
    until(lambda: not any(folder.iterdir()))


def answer_of_daemon(process: subprocess.Popen[bytes], folder: Path) -> bytes:
    """What a program and its daemon have printed, which gets its line when the folder is back; then nothing is left."""
    until_put_back(folder)
    answer, _ = process.communicate(b"\n", timeout=60)
    until_empty(folder)
    return answer


@pytest.mark.programs
@pytest.mark.parametrize("end", ["", "os._exit(0)"])
def test_folder_stays_for_a_forked_child(tmp_path: Path, end: str) -> None:
    process = run_program(tmp_path, DAEMON + end)
    assert answer_of_daemon(process, tmp_path) == b"has it"


@pytest.mark.programs
def test_process_that_puts_the_folder_back_waits_for_nothing(tmp_path: Path) -> None:
    watching = """
from types import SimpleNamespace
from release_tools.freeze.runtime import on_demand
on_demand.unpackers.append(SimpleNamespace(may_wait=True))
reading, writing = os.pipe()
def report():
    os.write(1, b"waits " if on_demand.unpackers[0].may_wait else b"hurries ")
    os.write(writing, b".")
os.register_at_fork(after_in_child=report)
"""
    # The program waits for the daemon's report, so the two reports come in order.
    process = run_program(tmp_path, f"{watching}{DAEMON}os.read(reading, 1)\n")
    assert answer_of_daemon(process, tmp_path) == b"waits hurries has it"


@pytest.mark.programs
def test_orphan_of_a_bootloader_that_is_process_1_is_not_the_program(tmp_path: Path) -> None:
    # As if the bootloader had adopted the child, which ends before the program.
    code = """
if os.fork() == 0:
    bootloader.original_getppid = lambda: bootloader.process_id
    sys.exit()
os.wait()
os.write(1, b"has it" if os.path.exists(file) else b"lost it")
"""
    assert run_program(tmp_path, code).communicate(timeout=60)[0] == b"has it"
    until_empty(tmp_path)


@pytest.mark.programs
def test_folder_is_put_back_over_what_was_written_in_its_place(tmp_path: Path) -> None:
    writing = BOOTLOADER.replace("shutil.rmtree(folder)", "open(f'{folder}/late', 'w').close()")
    assert writing != BOOTLOADER
    process = run_program(tmp_path, DAEMON, writing)
    assert answer_of_daemon(process, tmp_path) == b"has it"


@pytest.mark.programs
def test_folder_stays_for_a_start_that_shares_it(tmp_path: Path) -> None:
    use = "sys.stdin.readline(); print('has it' if os.path.exists(file) else 'lost it', end='')"
    child = f"{PROGRAM}os.write(int(sys.argv[2]), b'x'); {use}"
    code = (
        "import subprocess; r, w = os.pipe()\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}, sys._MEIPASS, str(w)], pass_fds=[w])\n"
        # The child has locked the folder then.
        "os.read(r, 1)\n"
    )
    process = run_program(tmp_path, code)
    assert answer_of_daemon(process, tmp_path) == b"has it"


@pytest.mark.programs
@pytest.mark.parametrize("end", ["", "os._exit(0)", "os.fork() or os._exit(0); os.wait()"])
def test_folder_does_not_outlive_its_last_process(tmp_path: Path, end: str) -> None:
    run_program(tmp_path, end).communicate(timeout=60)
    until_empty(tmp_path)


@pytest.mark.programs
def test_folder_goes_with_a_child_that_ends_with_the_program(tmp_path: Path) -> None:
    # Like the resource tracker of multiprocessing, which ends when a pipe is closed.
    code = "r, w = os.pipe()\nif os.fork() == 0:\n    os.close(w); os.read(r, 1); sys.exit()\n"
    run_program(tmp_path, code).communicate(timeout=60)
    until_empty(tmp_path)


@pytest.mark.programs
def test_process_that_nobody_waited_for_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert bootloader.is_alive(process.pid) == (sys.platform != "linux")
    process.wait()
    assert not bootloader.is_alive(process.pid)
