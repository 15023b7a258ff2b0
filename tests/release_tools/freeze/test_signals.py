"""Signals in the test's own process; the gates send them to frozen programs."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from release_tools.freeze.runtime import bootloader, signals
from release_tools.freeze.runtime_hooks import write_runtime_hook

REPOSITORY = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the bootloader of Windows forwards no signals")


class Clock:
    """A clock that stands still until it's set."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(signals, "time", clock)
    monkeypatch.setattr(signals, "by_handlers", {})
    monkeypatch.setattr(signals, "by_loops", {})
    return clock


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """Restore the test runner's own handler."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def send(number: int = signal.SIGTERM) -> None:
    """Send a signal to this process as another one would."""
    signals.original_kill(os.getpid(), number)


def test_copy_of_a_signal_does_not_count(clock: Clock) -> None:
    counted: list[int] = []
    signals.register(signal.SIGTERM, lambda *_: counted.append(1))
    send()
    clock.now += 0.05
    send()
    assert counted == [1]
    clock.now += signals.MERGED_SECONDS
    send()
    assert counted == [1, 1]


def test_late_copy_of_a_busy_bootloader_does_not_count(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    signals.register(signal.SIGTERM, lambda *_: counted.append(1))
    monkeypatch.setattr(signals, "is_pending", lambda _: True)
    send()
    monkeypatch.setattr(signals, "is_pending", lambda _: False)
    for seconds, expected in ((10, 1), (10, 2)):
        clock.now += seconds
        send()
        assert len(counted) == expected


def test_copy_may_come_while_the_bootloader_is_looked_at(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    signals.register(signal.SIGTERM, lambda *_: counted.append(1))

    def is_pending(_: int) -> bool:
        monkeypatch.setattr(signals, "is_pending", lambda _: False)
        send()
        return True

    monkeypatch.setattr(signals, "is_pending", is_pending)
    send()
    assert counted == [1]
    clock.now += 10
    send()
    assert counted == [1, 1]


@pytest.mark.programs
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the signals that another process has got")
def test_signal_that_waits_for_the_bootloader_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {15}); print(flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        monkeypatch.setattr(bootloader, "process_id", process.pid)
        assert not signals.is_pending(signal.SIGTERM)
        process.terminate()
        assert signals.is_pending(signal.SIGTERM)
        assert not signals.is_pending(signal.SIGINT)
        process.communicate(b"\n", timeout=60)


def test_signal_of_the_program_to_itself_always_counts(clock: Clock) -> None:
    counted: list[int] = []
    signals.register(signal.SIGTERM, lambda *_: counted.append(1))
    send()
    signals.raise_signal(signal.SIGTERM)
    signals.kill(os.getpid(), signal.SIGTERM)
    assert counted == [1, 1, 1]
    assert clock.now == 100.0


def test_app_sees_the_handlers_that_it_registered() -> None:
    def own(*_: Any) -> None:
        pass

    signals.register(signal.SIGTERM, own)
    assert signals.registered(signal.SIGTERM) is own
    assert signals.register(signal.SIGTERM, signal.SIG_IGN) is own
    assert signals.registered(signal.SIGTERM) is signal.SIG_IGN


def test_default_action_is_set_after_the_copy(clock: Clock) -> None:
    signals.register(signal.SIGTERM, lambda *_: signals.register(signal.SIGTERM, signal.SIG_DFL))
    send()
    assert clock.now >= 100.0 + signals.MERGED_SECONDS
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_other_signals_are_left_alone() -> None:
    def own(*_: Any) -> None:
        pass

    before = signals.register(signal.SIGUSR1, own)
    assert signal.getsignal(signal.SIGUSR1) is own
    signal.signal(signal.SIGUSR1, before)


def test_event_loop_gets_a_signal_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Loop(asyncio.SelectorEventLoop):
        pass

    signals.merge_in_loop(type("module", (), {"Loop": Loop}), "Loop")
    monkeypatch.setattr(signal, "signal", signals.register)
    counted: list[int] = []

    async def count() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, counted.append, 1)
        for seconds in (0.0, 0.01, 1.0):
            clock.now += seconds
            send()
            for _ in range(5):
                await asyncio.sleep(0)
        loop.remove_signal_handler(signal.SIGTERM)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(count())
    assert counted == [1, 1]


def test_event_loop_refuses_coroutine_functions() -> None:
    class Loop(asyncio.SelectorEventLoop):
        pass

    async def callback() -> None:
        pass

    signals.merge_in_loop(type("module", (), {"Loop": Loop}), "Loop")
    loop = Loop()
    with pytest.raises(TypeError):
        loop.add_signal_handler(signal.SIGTERM, callback)
    loop.close()


@pytest.mark.programs
def test_interrupt_before_the_app_runs_ends_the_program() -> None:
    code = (
        f"import os, signal, sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from release_tools.freeze.runtime import bootloader, signals\n"
        "signal.signal(signal.SIGINT, signal.SIG_DFL); bootloader.process_id = 1; signals.install()\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "signals.original_kill(os.getpid(), signal.SIGINT)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (finished.returncode, finished.stderr) == (-signal.SIGINT, b"")


@pytest.mark.programs
def test_first_script_leaves_an_ignored_interrupt_ignored(tmp_path: Path) -> None:
    script = write_runtime_hook(tmp_path).first_script
    show = f"import signal; exec(open({str(script)!r}).read()); print(int(signal.getsignal(signal.SIGINT)))"
    trap = "trap '' INT; "
    for ignoring, expected in ((False, signal.SIG_DFL), (True, signal.SIG_IGN)):
        finished = subprocess.run(
            ["/bin/sh", "-c", trap * ignoring + 'exec "$@"', "sh", sys.executable, "-c", show],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert finished.stdout == f"{int(expected)}\n"


RUN = f"""
import atexit, os, signal, sys
sys.path.insert(0, {str(REPOSITORY)!r})
from release_tools.freeze.runtime import bootloader, signals
signals.install()
atexit.register(print, "cleaned up")
def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
def catch():
    try:
        interrupt()
    except KeyboardInterrupt:
        return 3
"""


@pytest.mark.programs
@pytest.mark.parametrize("process", [0, 1])
def test_uncaught_interrupt_ends_by_the_signal(process: int) -> None:
    code = RUN.replace("signals.install()", f"bootloader.process_id = {process}; signals.install()")
    finished = subprocess.run(
        [sys.executable, "-c", f"{code}signals.run(interrupt)"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (finished.returncode, finished.stdout) == (-signal.SIGINT, "cleaned up\n")
    assert finished.stderr.startswith("Traceback")
    assert finished.stderr.endswith("KeyboardInterrupt\n")


@pytest.mark.programs
def test_caught_interrupt_returns_the_apps_code() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", f"{RUN}signals.run(catch)"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, "cleaned up\n", "")


@pytest.mark.parametrize(("code", "status"), [(None, 0), (3, 3), (-1, 255), (256, 0), (True, 1), ("message", None)])
def test_exit_status_is_that_of_python(code: object, status: int | None) -> None:
    assert signals.status_of(code) == status
