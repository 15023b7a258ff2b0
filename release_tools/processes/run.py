"""Starts programs from argument lists, never through a shell. No other module uses `subprocess`."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from release_tools.errors import CommandFailedError, KilledError, MissingToolError, ReportedError
from release_tools.processes.process_groups import (
    BACKGROUND_FLAGS,
    CREATION_FLAGS,
    ProcessGroup,
    kill_children_at_exit,
    lower_priority,
)
from release_tools.processes.signals import TERMINATION_SIGNALS, handle_signals, handled_signals

# For a terminated program to exit and close its output.
_GRACE_SECONDS: Final = 5.0

_running: Final[dict["subprocess.Popen[str]", ProcessGroup]] = {}
_is_terminating: Final = threading.Event()

# Changes to this process's environment; None removes a variable.
EnvironmentChanges = Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The result of a program. `code` is negative for a signal, as in `subprocess`."""

    args: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def require_success(self, hint: str = "") -> None:
        """Raise `CommandFailedError` for any exit code but 0."""
        if self.code != 0:
            raise CommandFailedError(self.args, f"failed with exit code {self.code}", self.output, hint)


class RunningProgram:
    """A program that is still running. It and all its descendants are killed at the timeout or the end of the block."""

    def __init__(self, process: "subprocess.Popen[str]", timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._process = process
        self._timer = threading.Timer(timeout_seconds, self._time_out)
        self._timer.daemon = True
        self._timer.start()
        self.is_out_of_time = False

    def read_line(self) -> str:
        """The next line of its output, "" at the end."""
        return self._process.stdout.readline().rstrip("\n") if self._process.stdout else ""

    def lines(self) -> Iterator[str]:
        """The following lines of its output, each as soon as it's printed."""
        for line in self._process.stdout or ():
            yield line.rstrip("\n")

    def read_rest(self) -> str:
        """The rest of its output, until its last descendant has closed it."""
        return self._process.stdout.read() if self._process.stdout else ""

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the process itself, not its descendants."""
        self._process.kill()

    def wait(self) -> int:
        """Wait for its exit code, negative for a signal."""
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _kill_process_group(self._process)

    def _time_out(self) -> None:
        self.is_out_of_time = True
        _kill_process_group(self._process)


def changed_environment(changes: EnvironmentChanges | None) -> dict[str, str]:
    """The environment of this process with the changes applied."""
    merged = {**os.environ, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not None}


def run(args: Sequence[str], *, cwd: Path, env: EnvironmentChanges | None = None) -> None:
    """Run a program that uses the terminal itself; it inherits the lock of `exclusive_use`.

    Raises `MissingToolError`, `ReportedError` for any exit code but 0, or `KilledError` if a signal killed it.
    """
    environment = changed_environment(env)
    command = _with_program_path(args, environment)
    kill_children_at_exit()
    forwarder = _SignalForwarder()
    with (
        handled_signals(TERMINATION_SIGNALS, forwarder.handle),
        subprocess.Popen(command, cwd=cwd, env=environment, close_fds=os.name == "nt") as process,
    ):
        try:
            forwarder.forward_to(process)
            code = process.wait()
        except KeyboardInterrupt:
            # Time to terminate its own children, which would outlive it otherwise.
            for stop in (process.terminate, process.kill):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE_SECONDS)
                    break
                stop()
            raise
    if code != 0:
        raise KilledError(args, -code) if code < 0 else ReportedError(args, code)


class _SignalForwarder:
    """Forwards a termination signal to a program: unlike the terminal's SIGINT, it may have reached only this process.

    A signal that arrives while the program starts is kept until then; otherwise the program would outlive this process.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pending: int | None = None

    def handle(self, number: int, _frame: object) -> None:
        self._pending = number
        if self._process is not None:
            self.forward_to(self._process)

    def forward_to(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        if self._pending is None:
            return
        number, self._pending = self._pending, None
        # A second one would cut the program's grace period short.
        handle_signals(TERMINATION_SIGNALS, signal.SIG_IGN)
        process.send_signal(number)
        raise KeyboardInterrupt(signal.Signals(number).name)


def capture(args: Sequence[str], *, cwd: Path, env: EnvironmentChanges | None = None, hint: str = "") -> str:
    """The standard output of a program that must succeed.

    Raises `MissingToolError`, or `CommandFailedError` with the end of the program's output.
    """
    finished = observe(args, cwd=cwd, environment=changed_environment(env), timeout_seconds=600)
    finished.require_success(hint)
    return finished.stdout


def observe(
    args: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
    has_progressed: Callable[[], bool] = lambda: False,
) -> Finished:
    """Run a program in exactly this environment, without input.

    At the timeout, kills the program and its descendants, except daemons that left its process group, and raises
    `CommandFailedError`. A program that `has_progressed` since the last call gets the same time again.
    """
    started = time.monotonic()
    with _process_group(args, cwd, environment, stderr=subprocess.PIPE) as process:
        while True:
            try:
                stdout, stderr = process.communicate(timeout=timeout_seconds)
                break
            except subprocess.TimeoutExpired:
                if has_progressed():
                    continue
                _kill_process_group(process)
                stdout, stderr = _rest_of_output(process)
                outcome = f"was still running after {time.monotonic() - started:.0f} s and was killed"
                raise CommandFailedError(args, outcome, stdout + stderr) from None
    return Finished(
        args=tuple(args), code=process.returncode, stdout=stdout, stderr=stderr, seconds=time.monotonic() - started
    )


def kill_all_at_signals() -> None:
    """From now on an interrupt or a termination signal kills every program started here, and then this process.

    The programs have their own process groups, which the terminal's SIGINT doesn't reach, and a thread that waits for
    one doesn't notice an interrupt.
    """
    handle_signals((signal.SIGINT, *TERMINATION_SIGNALS), _kill_all)


def _kill_all(number: int, _frame: object) -> None:
    if number in TERMINATION_SIGNALS and _is_terminating.is_set():
        return  # The same signal again, forwarded by the parent.
    _is_terminating.set()
    for process in tuple(_running):
        _kill_process_group(process)
    raise KeyboardInterrupt(signal.Signals(number).name)


def _rest_of_output(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """The rest of a killed program's output. A daemon that it started may keep the pipe open forever."""
    try:
        return process.communicate(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired as error:
        # Bytes, even in text mode (bpo-5424).
        return (error.output or b"").decode("utf-8", "backslashreplace"), ""


@contextmanager
def started(
    args: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout_seconds: float
) -> Iterator[RunningProgram]:
    """Start a program in exactly this environment, without input, and with all its output in one pipe.

    It and its descendants are killed at the end of the block.
    """
    with (
        _process_group(args, cwd, environment) as process,
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
    """Start a program with all its output in `log`, `in_background` with low priority.

    It and its descendants are killed at the end of the block.
    """
    flags = BACKGROUND_FLAGS if in_background else 0
    with (
        log.open("w", encoding="utf-8") as file,
        _process_group(args, cwd, environment, stdout=file.fileno(), flags=flags) as process,
    ):
        if in_background:
            lower_priority(process.pid)
        with RunningProgram(process, timeout_seconds) as program:
            yield program


def run_logged(
    args: Sequence[str], *, cwd: Path, env: EnvironmentChanges, log: Path, on_line: Callable[[str], None]
) -> int:
    """Run a program, write its output to `log`, pass each line to `on_line`, and return the exit code."""
    environment = changed_environment(env)
    with (
        log.open("w", encoding="utf-8", newline="\n") as file,
        _process_group(args, cwd, environment) as process,
    ):
        # Its descendants could keep the pipe open forever.
        threading.Thread(target=_kill_descendants_at_exit, args=(process,), daemon=True).start()
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
    """A child in its own process group, which is killed if the block raises.

    Raises `MissingToolError`.
    """
    command = _with_program_path(args, environment)
    with (
        closing(ProcessGroup()) as group,
        subprocess.Popen(
            command,
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
            group.add(process)
            _refuse_while_terminating()
            yield process
        except BaseException:
            group.kill()
            # It isn't in the group if adding it failed.
            process.kill()
            raise
        finally:
            del _running[process]


def _refuse_while_terminating() -> None:
    # Another thread started it after the others were killed.
    if _is_terminating.is_set():
        raise KeyboardInterrupt


def _kill_process_group(process: "subprocess.Popen[str]") -> None:
    if group := _running.get(process):
        group.kill()


def _kill_descendants_at_exit(process: "subprocess.Popen[str]") -> None:
    process.wait()
    _kill_process_group(process)


def _with_program_path(args: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command line with the program's absolute path, looked up on the PATH of this environment.

    Raises `MissingToolError`. A file that isn't executable is an `OSError` when it's started.
    """
    # Absolute, because the program runs in another folder and the PATH may have relative entries.
    path = Path(args[0])
    if len(path.parts) > 1 and path.is_file():
        return [str(path.absolute()), *args[1:]]
    program = shutil.which(args[0], path=environment.get("PATH"))
    if program is None:
        raise MissingToolError(args[0])
    return [str(Path(program).absolute()), *args[1:]]
