"""Checks of how the frozen program ends: its exit code, its response to signals, and the death of its bootloader.

The process that users see is the bootloader, which waits for the actual program. These checks start the probe twin,
whose script ends as requested.
"""

import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from release_tools.errors import CommandFailedError
from release_tools.freeze.runtime.signals import MERGED_SECONDS
from release_tools.processes.run import RunningProgram, started
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Passed, VerificationContext, refuse
from release_tools.verification.starts.running import temporary_folder_variables, working_folder
from release_tools.verification.timeouts import scaled_timeout
from release_tools.verification.twin.probe import PROBES, Place, probe_command, probe_environment, run_probe
from release_tools.verification.wine import wine_version

EXIT_CODES: Final = (0, 1, 2, 3, 120, 255)
# Those that a quick build tries.
QUICK_EXIT_CODES: Final = (3, 255)
# For the start of the program and its response to the signal.
ENDING_TIMEOUT_SECONDS: Final = 20.0

_PROBE: Final = "life_cycle"

# Name, signals to send, and exit code. The probe counts interrupts and exits with 42 at the second one.
if sys.platform == "win32":
    # The default handler exits with STATUS_CONTROL_C_EXIT; see ntstatus.h.
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


def check_exit_codes(context: VerificationContext) -> Passed:
    """The caller gets the exit code of the program."""
    codes = QUICK_EXIT_CODES if context.is_quick else EXIT_CODES

    def find_problem(code: int, place: Place = "twin") -> str:
        try:
            seen = run_probe(context, _PROBE, place=place, extra={"RELEASE_TOOLS_ENDING": str(code)}).code
        except CommandFailedError as error:
            return error.what
        return "" if seen == code else f"{code} becomes {seen}"

    with ThreadPoolExecutor(max_workers=2) as pool:
        problems = dict(zip(codes, pool.map(find_problem, codes), strict=True))
    wrong = [(problem, find_problem(code, "source")) for code, problem in problems.items() if problem]
    refuse(
        context,
        [problem for problem, source in wrong if problem != source],
        what="the caller gets the wrong exit code",
        hint="look for code that ends the process itself, such as os._exit() in an atexit handler or a thread",
    )
    notes = tuple(f"{problem}, as from source" for problem, source in wrong if problem == source)
    return Passed(figure=", ".join(map(str, codes)), notes=notes)


def check_signals(context: VerificationContext) -> Passed:
    """SIGTERM and SIGINT reach the program and end it with their own status, and no temporary files are left.

    On Windows, Ctrl-Break replaces both, because it's all that one program can send to another. What also goes wrong
    from source comes from this machine, such as an interrupt that the caller ignores.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = tuple(pool.map(lambda ending: _ending_problems(context, *ending), ENDINGS))
    wrong = [problem for problems in found for problem in problems]
    from_source = {
        problem
        for (name, signals, expected), problems in zip(ENDINGS, found, strict=True)
        if problems
        for problem in _ending_problems(context, name, signals, expected, place="source")
    }
    refuse(
        context,
        [problem for problem in wrong if problem not in from_source],
        what="signals don't end the program correctly",
        hint="keep the bootloader's default signal handling, and don't change signal handlers or masks at import",
    )
    figure = "Ctrl-Break once and twice" if sys.platform == "win32" else "SIGTERM, SIGINT once and twice"
    notes = tuple(f"{problem}, as from source" for problem in wrong)
    return Passed(figure=figure, notes=notes)


def check_orphans(context: VerificationContext) -> str:
    """The program exits when its bootloader is killed."""
    with _waiting_twin(context, "SIGKILL") as twin:
        began = time.monotonic()
        twin.kill()
        twin.read_rest()
        seconds = time.monotonic() - began
    if twin.is_out_of_time:
        raise CheckFailedError(
            "the program keeps running after its bootloader is killed",
            "release_tools/freeze/runtime/bootloader.py ends it; look for code that changes the parent-death signal",
        )
    return f"exits after {seconds:.2f} s"


def _ending_problems(
    context: VerificationContext, name: str, signals: Sequence[int], expected: int, place: Place = "twin"
) -> list[str]:
    with _waiting_twin(context, name, place) as twin:
        for number in signals[:-1]:
            _send(twin, number)
            # The handler prints a line; until then, a second signal could merge with the first, as could one that comes
            # faster than anybody can press Ctrl-C.
            twin.read_line()
            time.sleep(2 * MERGED_SECONDS)
        _send(twin, signals[-1])
        twin.read_rest()
        code = twin.wait()
    left = sorted(path.name for path in _temporary_folder(context, name).iterdir())
    problems = [f"{name}: the exit code is {code}, not {expected}"] if code != expected else []
    return problems + ([f"{name}: its temporary folder still has {', '.join(left)}"] if left else [])


def _send(twin: RunningProgram, number: int) -> None:
    """Raise `CheckSkippedError` if Wine can't send the signal, and `CheckFailedError` if Windows can't."""
    try:
        twin.send_signal(number)
    except OSError as error:
        if wine_version():
            raise CheckSkippedError(f"Wine {wine_version()} can't send Ctrl-Break to another program") from None
        raise CheckFailedError(
            f"can't send a signal to the program: {error}", "run the build in a console, as GitHub's runners do"
        ) from None


@contextmanager
def _waiting_twin(context: VerificationContext, ending: str, place: Place = "twin") -> Iterator[RunningProgram]:
    """Start the twin, or the source, with its own temporary folder; yield it once it's ready for the signal."""
    temporary = _temporary_folder(context, ending)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    own = {"RELEASE_TOOLS_ENDING": ending, **temporary_folder_variables(context, temporary)}
    environment = {**probe_environment(context, _PROBE), **own}
    with started(
        probe_command(context, place),
        cwd=working_folder(context),
        environment=environment,
        timeout_seconds=scaled_timeout(ENDING_TIMEOUT_SECONDS),
    ) as twin:
        first = twin.read_line()
        if first != "ready":
            raise CheckFailedError(
                f"the probe {place} should print 'ready' but printed {first!r}",
                f"run it by hand: RELEASE_TOOLS_ENDING={shlex.quote(ending)} "
                f"RELEASE_TOOLS_PROBE={PROBES / _PROBE}.py {context.probe}",
            )
        yield twin


def _temporary_folder(context: VerificationContext, ending: str) -> Path:
    return context.own_temporary_folder(f"ending by {ending}")
