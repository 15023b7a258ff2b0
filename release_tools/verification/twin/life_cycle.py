"""How the frozen program ends: with its own exit code, by signals, and together with its bootloader.

The process that people see is the bootloader, which waits for the program proper. Tried on the probe twin, whose main
script can be told how to end.
"""

import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from release_tools.errors import CommandFailedError
from release_tools.processes.run import RunningProgram, started
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, listed
from release_tools.verification.starts.running import temporary_folder_variables
from release_tools.verification.timeouts import scaled_timeout
from release_tools.verification.twin.probe import probe_command, probe_environment, run_probe
from release_tools.verification.wine import wine_version

EXIT_CODES: Final = (0, 1, 2, 3, 120, 255)
ENDING_TIMEOUT_SECONDS: Final = 60.0
# For its start, and for noticing that it has lost its bootloader.
ORPHAN_TIMEOUT_SECONDS: Final = 20.0

_PROBE: Final = "life_cycle"

# What it is called, what is sent, and the exit code. The probe counts interrupts, and ends with 42 at the second one.
if sys.platform == "win32":
    # STATUS_CONTROL_C_EXIT of ntstatus.h is what the default handler ends a program with.
    ENDINGS = (
        ("Ctrl-Break", [signal.CTRL_BREAK_EVENT], 0xC000013A),
        ("second interrupt", [signal.CTRL_BREAK_EVENT] * 2, 42),
    )
else:
    ENDINGS = (
        ("SIGTERM", [signal.SIGTERM], -signal.SIGTERM),
        ("SIGINT", [signal.SIGINT], -signal.SIGINT),
        ("second interrupt", [signal.SIGINT, signal.SIGINT], 42),
    )


def check_exit_codes(context: VerificationContext) -> str:
    """The exit code of the program is the exit code that its caller sees."""

    def end(code: int) -> str:
        try:
            seen = run_probe(context, _PROBE, extra={"RELEASE_TOOLS_ENDING": str(code)}).code
        except CommandFailedError as error:
            return error.what
        return "" if seen == code else f"{code} becomes {seen}"

    with ThreadPoolExecutor(max_workers=2) as pool:
        wrong = [problem for problem in pool.map(end, EXIT_CODES) if problem]
    if wrong:
        raise CheckFailedError(
            f"exit codes are lost:{listed(wrong)}", "look for code that runs at exit and ends the process itself"
        )
    return ", ".join(map(str, EXIT_CODES))


def check_signals(context: VerificationContext) -> str:
    """SIGTERM and SIGINT reach the program, end it with their own status, and leave no temporary files.

    On Windows Ctrl-Break stands for both: it is all that one program can send to another there.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = pool.map(lambda ending: _ending_problems(context, *ending), ENDINGS)
        problems = [problem for problems in found for problem in problems]
    if problems:
        raise CheckFailedError(
            f"signals do not end the program as they should:{listed(problems)}",
            "build with the bootloader's default handling of signals, and let no bundled module change it at import",
        )
    return "Ctrl-Break once and twice" if sys.platform == "win32" else "SIGTERM, SIGINT once and twice"


def check_orphans(context: VerificationContext) -> str:
    """When the bootloader is killed without a chance to say so, the program does not stay behind."""
    with _waiting_twin(context, "SIGKILL", ORPHAN_TIMEOUT_SECONDS) as twin:
        began = time.monotonic()
        twin.kill()
        twin.read_rest()
        seconds = time.monotonic() - began
    if twin.is_out_of_time:
        raise CheckFailedError(
            "after its bootloader was killed, the program was still running",
            "release_tools/freeze/runtime/parent_watch.py ends it; look for code that changes the parent-death signal",
        )
    return f"gone after {seconds:.2f} s"


def _ending_problems(context: VerificationContext, name: str, signals: list[int], expected: int) -> list[str]:
    with _waiting_twin(context, name, ENDING_TIMEOUT_SECONDS) as twin:
        for number in signals[:-1]:
            _send(twin, number)
            # Its handler says that it ran; a second signal before that could become one with the first.
            twin.read_line()
        _send(twin, signals[-1])
        twin.read_rest()
        code = twin.wait()
    left = sorted(path.name for path in _temporary_folder(context, name).iterdir())
    problems = [f"{name}: it ended with {code}, not {expected}"] if code != expected else []
    return problems + ([f"{name}: it left {', '.join(left)} in its temporary folder"] if left else [])


def _send(twin: RunningProgram, number: int) -> None:
    """Raises `CheckSkippedError` under Wine, where none can be sent, and `CheckFailedError` where Windows refuses."""
    try:
        twin.send_signal(number)
    except OSError as error:
        if wine_version():
            raise CheckSkippedError(f"Wine {wine_version()} sends no Ctrl-Break to another program") from None
        raise CheckFailedError(
            f"no signal can be sent to the program: {error}", "run the build in a console, as GitHub's runners do"
        ) from None


@contextmanager
def _waiting_twin(context: VerificationContext, ending: str, timeout_seconds: float) -> Iterator[RunningProgram]:
    """The twin, started and ready for its end, with a temporary folder of its own."""
    temporary = _temporary_folder(context, ending)
    temporary.mkdir(parents=True)
    own = {"RELEASE_TOOLS_ENDING": ending, **temporary_folder_variables(context, temporary)}
    environment = {**probe_environment(context, _PROBE), **own}
    with started(
        probe_command(context),
        cwd=context.scratch,
        environment=environment,
        timeout_seconds=scaled_timeout(timeout_seconds),
    ) as twin:
        first = twin.read_line()
        if first != "ready":
            raise CheckFailedError(
                f"the probe twin did not get ready but printed {first!r}", "run the probe life_cycle by hand"
            )
        yield twin


def _temporary_folder(context: VerificationContext, ending: str) -> Path:
    return context.own_temporary_folder(f"ending by {ending}")
