"""Start the program in unusual places: folders, locales and variables that users have and build machines don't.

The figure names every place that this machine can't set up, with the reason.
"""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from release_tools.processes.run import Finished
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, refuse
from release_tools.verification.starts.place_table import NON_ASCII_TEXT, ROWS, Place, Row
from release_tools.verification.starts.running import CRASH_MARKS, described, start_program

STARTS_AT_ONCE: Final = 2
# A quick build tries this many places.
QUICK_PLACES: Final = 2

# How `observe` shows a byte that isn't UTF-8.
_UNDECODABLE: Final = re.compile(r"\\x[89a-f][0-9a-f]")


def check_places(context: VerificationContext, rows: tuple[Row, ...] = ROWS) -> str:
    """`--version` and the first smoke command work in every place, or fail there with a clear message."""
    folder = context.scratch / "places"
    shutil.rmtree(folder, ignore_errors=True)
    here = [row for row in rows if context.platform.os in row.systems]
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        tried = here[:QUICK_PLACES] if context.is_quick else here
        outcomes = dict(pool.map(lambda row: (row.name, _try_place(context, row, folder / row.name)), tried))
    problems = {name: problem for name, (problem, _) in outcomes.items() if problem}
    skipped = [f"{name} ({reason})" for name, (_, reason) in outcomes.items() if reason]
    skipped += [f"{row.name} (--quick)" for row in here[len(tried) :]]
    refuse(
        context,
        problems,
        what="the program doesn't work everywhere",
        hint="start it there by hand; release_tools/verification/starts/place_table.py shows how each place is set up",
    )
    figure = f"{len(here) - len(skipped)} places"
    return f"{figure}; not tried: {', '.join(skipped)}" if skipped else figure


def _try_place(context: VerificationContext, row: Row, folder: Path) -> tuple[str, str]:
    """What's wrong there, and why it wasn't tried; each "" if it doesn't apply."""
    folder.mkdir(parents=True)
    if context.is_allowed(row.name):
        return "", "allowed"
    try:
        place = row.set_up(context, folder)
        return _missing_error(context, place) if place.expected_message else _malfunction(context, place), ""
    except CheckSkippedError as skipped:
        return "", str(skipped)
    except CheckFailedError as error:
        return error.what, ""
    finally:
        # A read-only folder couldn't be deleted.
        folder.chmod(0o755)


def _malfunction(context: VerificationContext, place: Place) -> str:
    finished = _start(context, place, "--version")
    if place.is_silent:
        # An error about the closed output is fine; a crash isn't.
        return f"--version crashes: {described(finished)}" if finished.code < 0 or _has_crashed(finished) else ""
    if finished.code != 0 or not context.is_version_line(finished.stdout.strip()) or _has_crashed(finished):
        return f"--version should print {context.version_line!r} and exit with 0, but {described(finished)}"
    for command in context.settings.smoke_commands[:1]:
        finished = _start(context, place, *command)
        if finished.code != 0 or _has_crashed(finished):
            return f"`{' '.join(command)}` fails: {described(finished)}"
        if _UNDECODABLE.search(finished.stdout):
            return f"the output of `{' '.join(command)}` isn't UTF-8; {described(finished)}"
    return _encoding_problem(context, place)


def _missing_error(context: VerificationContext, place: Place) -> str:
    finished = _start(context, place, "--version")
    if finished.code == 0:
        return "it should fail there, but exits with 0"
    if not any(text in finished.stderr for text in place.expected_message):
        return f"its error doesn't mention {' or '.join(place.expected_message)}; {described(finished)}"
    return ""


def _encoding_problem(context: VerificationContext, place: Place) -> str:
    """Print non-ASCII text from the probe twin, which has the same options: the app's own output may be all ASCII."""
    if place.probe_script is None or context.evidence is None:
        return ""
    environment = {**place.environment, "RELEASE_TOOLS_PROBE": str(place.probe_script)}
    finished = start_program(context, [*place.prefix, str(context.probe)], environment)
    if finished.stdout.strip() != NON_ASCII_TEXT:
        return f"a script in the bundle should print {NON_ASCII_TEXT!r}, but {described(finished)}"
    return ""


def _start(context: VerificationContext, place: Place, *args: str) -> Finished:
    return start_program(context, [*place.prefix, str(place.executable), *args], place.environment, place.cwd)


def _has_crashed(finished: Finished) -> bool:
    return any(mark in finished.stderr for mark in CRASH_MARKS)
