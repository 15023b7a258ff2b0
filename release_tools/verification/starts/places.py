"""Starts in unusual places: folders, locales and variables that users have and build machines do not.

A place that cannot be arranged on a machine is named in the figure, with the reason.
"""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from release_tools.processes.run import Finished
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, listed
from release_tools.verification.starts.place_table import NON_ASCII_TEXT, ROWS, Place, Row
from release_tools.verification.starts.running import CRASH_MARKS, described, start_program

STARTS_AT_ONCE: Final = 2

# How `observe` shows a byte that is no UTF-8.
_UNDECODABLE: Final = re.compile(r"\\x[89a-f][0-9a-f]")


def check_places(context: VerificationContext, rows: tuple[Row, ...] = ROWS) -> str:
    """`--version` and the first smoke command work in every place, or say why they cannot."""
    folder = context.scratch / "places"
    shutil.rmtree(folder, ignore_errors=True)
    here = [row for row in rows if context.platform.os in row.systems]
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        outcomes = list(pool.map(lambda row: _outcome(context, row, folder / row.name), here))
    problems = [f"{row.name}: {wrong}" for row, (wrong, _) in zip(here, outcomes, strict=True) if wrong]
    skipped = [f"{row.name} ({reason})" for row, (_, reason) in zip(here, outcomes, strict=True) if reason]
    if problems:
        raise CheckFailedError(
            f"the program does not work in some places:{listed(problems)}",
            "how each place is made stands in verification/place_table.py; start the program there by hand. Where it "
            f'need not work, name the place in allowed-findings with check = "{context.check}"',
        )
    figure = f"{len(here) - len(skipped)} places"
    return f"{figure}; not tried: {', '.join(skipped)}" if skipped else figure


def _outcome(context: VerificationContext, row: Row, folder: Path) -> tuple[str, str]:
    """What is wrong there, and why it could not be tried; "" for what is not the case."""
    folder.mkdir(parents=True)
    if context.is_allowed(row.name):
        return "", "allowed"
    try:
        place = row.arrange(context, folder)
        return _refusal(context, place) if place.told else _malfunction(context, place), ""
    except CheckSkippedError as skipped:
        return "", str(skipped)
    except CheckFailedError as error:
        return error.what, ""
    finally:
        # What was made read-only could not be removed.
        folder.chmod(0o755)


def _malfunction(context: VerificationContext, place: Place) -> str:
    finished = _start(context, place, "--version")
    if place.is_silent:
        # To say that nothing can be printed is as good as to succeed; to crash is not.
        return f"--version crashes: {described(finished)}" if finished.code < 0 or _has_crashed(finished) else ""
    if finished.code != 0 or not context.is_version_line(finished.stdout.strip()) or _has_crashed(finished):
        return f"--version was to print {context.version_line!r} and exit with 0, but {described(finished)}"
    for command in context.settings.smoke_commands[:1]:
        finished = _start(context, place, *command)
        if finished.code != 0 or _has_crashed(finished):
            return f"`{' '.join(command)}` fails: {described(finished)}"
        if _UNDECODABLE.search(finished.stdout):
            return f"`{' '.join(command)}` prints what is no UTF-8; {described(finished)}"
    return _encoding_problem(context, place)


def _refusal(context: VerificationContext, place: Place) -> str:
    finished = _start(context, place, "--version")
    if finished.code == 0:
        return "no program can work there, but this one exits with 0"
    if not any(text in finished.stderr for text in place.told):
        return f"the message does not name {' or '.join(place.told)}; {described(finished)}"
    return ""


def _encoding_problem(context: VerificationContext, place: Place) -> str:
    """The app's own output may be plain ASCII; the probe twin, made with the same options, prints what is not."""
    if place.probe_script is None or context.evidence is None:
        return ""
    environment = {**place.environment, "RELEASE_TOOLS_PROBE": str(place.probe_script)}
    finished = start_program(context, [*place.through, str(context.probe)], environment)
    if finished.stdout.strip() != NON_ASCII_TEXT:
        return f"a script in the bundle was to print {NON_ASCII_TEXT!r}, but {described(finished)}"
    return ""


def _start(context: VerificationContext, place: Place, *args: str) -> Finished:
    return start_program(context, [*place.through, str(place.executable), *args], place.environment, place.cwd)


def _has_crashed(finished: Finished) -> bool:
    return any(mark in finished.stderr for mark in CRASH_MARKS)
