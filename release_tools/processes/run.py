"""The only user of `subprocess`: programs are started here, by argument lists, never through a shell."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from release_tools.errors import CommandFailedError, KilledError, ReportedError
from release_tools.processes.priorities import BACKGROUND_FLAGS, lower_priority
from release_tools.processes.process_groups import CREATION_FLAGS, ProcessGroup, end_children_with_this_process
from release_tools.processes.program_lookup import with_program_path
from release_tools.processes.signals import REQUESTS_TO_END, handle_signals, handled_signals

# For an ended program to be gone, and to close its output.
_SECONDS_TO_END: Final = 5.0

_running: Final[dict["subprocess.Popen[str]", ProcessGroup]] = {}
_is_ending: Final = threading.Event()

# A change-set over the caller's environment; None takes a variable away.
EnvironmentChanges = Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a program ended. `code` is negative for a signal, as in `subprocess`."""

    args: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


class RunningProgram:
    """A program that was started and not waited for. It and all that it started end with its time or the block."""

    def __init__(self, process: "subprocess.Popen[str]", timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._process = process
        self._clock = threading.Timer(timeout_seconds, self._end)
        self._clock.daemon = True
        self._clock.start()
        self.is_out_of_time = False

    def read_line(self) -> str:
        """The next line that it prints, "" when nothing that could print is left of it."""
        return self._process.stdout.readline().rstrip("\n") if self._process.stdout else ""

    def read_rest(self) -> str:
        """What it still prints, up to the end of the last process that could."""
        return self._process.stdout.read() if self._process.stdout else ""

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the process itself at once, and none of those that it started."""
        self._process.kill()

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clock.cancel()
        _end_process_group(self._process)

    def _end(self) -> None:
        self.is_out_of_time = True
        _end_process_group(self._process)


def changed_environment(changes: EnvironmentChanges | None) -> dict[str, str]:
    """The environment of this process with the changes applied."""
    merged = {**os.environ, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not None}


def run(args: Sequence[str], *, cwd: Path, env: EnvironmentChanges | None = None) -> None:
    """Run a program that talks to the terminal itself; it inherits the lock of `exclusive_use`.

    Raises `MissingToolError`, `ReportedError` for any exit code but 0, or `KilledError` when a signal ended it.
    """
    environment = changed_environment(env)
    command = with_program_path(args, environment)
    end_children_with_this_process()
    requests = _RequestsToEnd()
    with (
        handled_signals(REQUESTS_TO_END, requests.handle),
        subprocess.Popen(command, cwd=cwd, env=environment, close_fds=os.name == "nt") as process,
    ):
        try:
            requests.go_to(process)
            code = process.wait()
        except KeyboardInterrupt:
            # It gets the time to end what it started, which would outlive it otherwise.
            for end in (process.terminate, process.kill):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_SECONDS_TO_END)
                    break
                end()
            raise
    if code != 0:
        raise KilledError(args, -code) if code < 0 else ReportedError(args, code)


class _RequestsToEnd:
    """Passes a request to end on to the program that runs: unlike an interrupt, it may have reached this process alone.

    One that comes while the program starts waits for it; it would end this process, and leave the program running.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: int | None = None

    def handle(self, number: int, _frame: object) -> None:
        self._waiting = number
        if self._process is not None:
            self._pass_on(self._process)

    def go_to(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._pass_on(process)

    def _pass_on(self, process: "subprocess.Popen[bytes]") -> None:
        if self._waiting is None:
            return
        number, self._waiting = self._waiting, None
        # A second one would cut short the time that the program is given to end.
        handle_signals(REQUESTS_TO_END, signal.SIG_IGN)
        process.send_signal(number)
        raise KeyboardInterrupt(signal.Signals(number).name)


def capture(args: Sequence[str], *, cwd: Path, env: EnvironmentChanges | None = None, hint: str = "") -> str:
    """The standard output of a program that must succeed.

    Raises `MissingToolError`, or `CommandFailedError` with the end of what the program printed.
    """
    finished = observe(args, cwd=cwd, environment=changed_environment(env), timeout_seconds=600)
    if finished.code != 0:
        raise CommandFailedError(args, f"ended with exit code {finished.code}", finished.output, hint)
    return finished.stdout


def observe(args: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout_seconds: float) -> Finished:
    """Run a program in exactly this environment, with no input, and report how it ended.

    Raises `CommandFailedError` when the time is up; the program and all that it started are ended then, but for what
    has left its process group, as a daemon does.
    """
    started = time.monotonic()
    with _process_group(with_program_path(args, environment), cwd, environment, stderr=subprocess.PIPE) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            _end_process_group(process)
            stdout, stderr = _rest_of_output(process)
            outcome = f"was still running after {timeout_seconds:g} s and was ended"
            raise CommandFailedError(args, outcome, stdout + stderr) from None
    return Finished(
        args=tuple(args), code=process.returncode, stdout=stdout, stderr=stderr, seconds=time.monotonic() - started
    )


def end_all_at_signals() -> None:
    """From now on an interrupt, or a request to end, ends every program that is running here, and then this one.

    The programs are in process groups of their own, so that no terminal reaches them, and a thread that waits for one
    does not notice an interrupt.
    """
    handle_signals((signal.SIGINT, *REQUESTS_TO_END), _end_all)


def _end_all(number: int, _frame: object) -> None:
    if number in REQUESTS_TO_END and _is_ending.is_set():
        return  # The same request once more, passed on by whoever started this.
    _is_ending.set()
    for process in tuple(_running):
        _end_process_group(process)
    raise KeyboardInterrupt(signal.Signals(number).name)


def _rest_of_output(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What an ended program has printed; a daemon that it left behind may hold its output open for ever."""
    try:
        return process.communicate(timeout=_SECONDS_TO_END)
    except subprocess.TimeoutExpired as error:
        # Bytes, though the program's output is text (bpo-5424).
        return (error.output or b"").decode("utf-8", "backslashreplace"), ""


@contextmanager
def started(
    args: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout_seconds: float
) -> Iterator[RunningProgram]:
    """A program running in exactly this environment, with no input, and all its output in one pipe.

    What is left of it and of all that it started is ended when the block is left.
    """
    with (
        _process_group(with_program_path(args, environment), cwd, environment) as process,
        RunningProgram(process, timeout_seconds) as program,
    ):
        yield program


@contextmanager
def started_with_log(
    args: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
    log: Path,
    in_background: bool,
) -> Iterator[RunningProgram]:
    """A program whose whole output goes to `log`. One that gives way leaves the processors to other work.

    What is left of it and of all that it started is ended when the block is left.
    """
    flags = BACKGROUND_FLAGS if in_background else 0
    with (
        log.open("w", encoding="utf-8") as file,
        _process_group(
            with_program_path(args, environment), cwd, environment, stdout=file.fileno(), flags=flags
        ) as process,
    ):
        if in_background:
            lower_priority(process.pid)
        with RunningProgram(process, timeout_seconds) as program:
            yield program


def run_logged(
    args: Sequence[str], *, cwd: Path, env: EnvironmentChanges, log: Path, on_line: Callable[[str], None]
) -> int:
    """Run a program, write all that it prints to `log`, hand each line to `on_line`, and return its exit code."""
    environment = changed_environment(env)
    with (
        log.open("w", encoding="utf-8", newline="\n") as file,
        _process_group(with_program_path(args, environment), cwd, environment) as process,
    ):
        # What it leaves running could hold the pipe open for ever.
        threading.Thread(target=_end_when_ended, args=(process,), daemon=True).start()
        for line in process.stdout or ():
            file.write(line)
            on_line(line.rstrip())
        return process.wait()


@contextmanager
def _process_group(
    args: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    *,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.STDOUT,
    flags: int = 0,
) -> Iterator["subprocess.Popen[str]"]:
    """A child in a process group of its own, which is ended with everything in it when this process is interrupted."""
    with (
        closing(ProcessGroup()) as group,
        subprocess.Popen(
            args,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="backslashreplace",
            start_new_session=True,
            creationflags=CREATION_FLAGS | flags,
        ) as process,
    ):
        _running[process] = group
        try:
            group.take(process)
            _refuse_when_ending()
            yield process
        except BaseException:
            group.end()
            # It is not in its group where that refused to take it.
            process.kill()
            raise
        finally:
            del _running[process]


def _refuse_when_ending() -> None:
    # In another thread than the one that was interrupted: the program came too late to be ended with the others.
    if _is_ending.is_set():
        raise KeyboardInterrupt


def _end_process_group(process: "subprocess.Popen[str]") -> None:
    if group := _running.get(process):
        group.end()


def _end_when_ended(process: "subprocess.Popen[str]") -> None:
    process.wait()
    _end_process_group(process)
