"""Start the program in unusual places: folders, locales and variables that users have and build machines don't.

The figure names every place that this machine can't set up, with the reason.
"""

import functools
import re
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.processes.run import Finished
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Passed, VerificationContext, refuse
from release_tools.verification.starts.from_source import ends_alike, last_line, source_command, try_from_source
from release_tools.verification.starts.place_table import NON_ASCII_TEXT, ROWS, Place, Row
from release_tools.verification.starts.running import CRASH_MARKS, described, start_program

STARTS_AT_ONCE: Final = 2
# A quick build tries this many places.
QUICK_PLACES: Final = 2

# How `observe` shows a byte that isn't UTF-8.
_UNDECODABLE: Final = re.compile(r"\\x[89a-f][0-9a-f]")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What's wrong in a place ("" if nothing), why it wasn't tried ("" if it was), and what's wrong from source too."""

    problem: str = ""
    not_tried: str = ""
    notes: tuple[str, ...] = ()


def check_places(context: VerificationContext, rows: tuple[Row, ...] = ROWS) -> Passed:
    """`--version` and the first smoke command work in every place, or do what they do there from source."""
    folder = context.scratch / "places"
    shutil.rmtree(folder, ignore_errors=True)
    here = [row for row in rows if context.platform.os in row.systems]
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        tried = here[:QUICK_PLACES] if context.is_quick else here
        found = dict(pool.map(lambda row: (row.name, _try_place(context, row, folder)), tried))
    skipped = [f"{name} ({outcome.not_tried})" for name, outcome in found.items() if outcome.not_tried]
    skipped += [f"{row.name} (--quick)" for row in here[len(tried) :]]
    refuse(
        context,
        {name: outcome.problem for name, outcome in found.items() if outcome.problem},
        what="the program doesn't work everywhere",
        hint="start it there by hand; release_tools/verification/starts/place_table.py shows how each place is set up",
    )
    figure = f"{len(here) - len(skipped)} places"
    notes = tuple(f"{name}: as from source, {note}" for name, outcome in found.items() for note in outcome.notes)
    return Passed(figure=f"{figure}; not tried: {', '.join(skipped)}" if skipped else figure, notes=notes)


def _try_place(context: VerificationContext, row: Row, folder: Path) -> Outcome:
    # The source gets one of its own, because Windows may not delete a program that has just ended. Messages that differ
    # in a number only are alike.
    folder, folder_of_source = (folder / f"{row.name} {number}" for number in (1, 2))
    folder.mkdir(parents=True)
    folder_of_source.mkdir()
    try:
        place = row.set_up(context, folder)
        if place.expected_message:
            return Outcome(problem=_missing_error(context, place))
        return _behavior(context, place, functools.cache(lambda: row.set_up(context, folder_of_source)))
    except CheckSkippedError as skipped:
        return Outcome(not_tried=str(skipped))
    except CheckFailedError as error:
        return Outcome(problem=error.what)
    finally:
        # A read-only folder couldn't be deleted.
        folder.chmod(0o755)
        folder_of_source.chmod(0o755)


def _behavior(context: VerificationContext, place: Place, place_of_source: Callable[[], Place]) -> Outcome:
    notes = []
    for arguments in (("--version",), *context.settings.smoke_commands[:1]):
        finished = _start(context, place, *arguments)
        problem = _malfunction(context, place, arguments, finished)
        if problem and (
            context.evidence is None
            or not ends_alike(context, finished, _start_from_source(context, place_of_source(), *arguments))
        ):
            return Outcome(problem=problem)
        if problem:
            notes.append(f"`{' '.join(arguments)}` fails: {last_line(finished)}")
        if place.is_silent:
            break
    return Outcome(problem=_encoding_problem(context, place), notes=tuple(notes))


def _malfunction(context: VerificationContext, place: Place, arguments: Sequence[str], finished: Finished) -> str:
    line = " ".join(arguments)
    if place.is_silent:
        # An error about the closed output is fine; a crash isn't.
        return f"{line} crashes: {described(finished)}" if finished.code < 0 or _has_crashed(finished) else ""
    if arguments == ("--version",):
        is_right = finished.code == 0 and context.is_version_output(finished.stdout.strip())
        if not is_right or _has_crashed(finished):
            return f"--version should print {context.version_line!r} and exit with 0, but {described(finished)}"
        return ""
    if finished.code != 0 or _has_crashed(finished):
        return f"`{line}` fails: {described(finished)}"
    if _UNDECODABLE.search(finished.stdout):
        return f"the output of `{line}` isn't UTF-8; {described(finished)}"
    return ""


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


def _start_from_source(context: VerificationContext, place: Place, *args: str) -> Finished | None:
    command = [*place.prefix, *source_command(context, place.executable), *args]
    return try_from_source(context, command, place.environment, place.cwd)


def _has_crashed(finished: Finished) -> bool:
    return any(mark in finished.stderr for mark in CRASH_MARKS)
