"""Checks of single commands: those of the project, one that no program knows, and what they all leave behind."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from release_tools.verification.check import CheckSkippedError, Passed, VerificationContext, refuse
from release_tools.verification.starts.from_source import ends_alike, start_from_source
from release_tools.verification.starts.running import CRASH_MARKS, described, start, temporary_folder_variables

UNKNOWN_OPTION: Final = "--no-such-option-xyz"

# How the names of the folders begin that executables unpack themselves to.
_BUNDLE: Final = "_MEI"
# What Python's `tempfile` adds to the prefix of a name.
_RANDOM_PART: Final = re.compile(r"[a-z0-9_]{8}(?=\.|$)")


def check_smoke_commands(context: VerificationContext) -> str:
    """Each of the project's smoke commands exits with 0 in the bare environment."""
    commands = context.settings.smoke_commands
    if not commands:
        raise CheckSkippedError("no smoke-commands are set")
    problems = {" ".join(command): _problem_of(context, command) for command in commands}
    failed = [line for line, (problem, _) in problems.items() if problem]
    are_of_source = all(problems[line][1] for line in failed)
    refuse(
        context,
        {f"`{context.settings.executable} {line}`": problems[line][0] for line in failed},
        what="smoke commands fail",
        hint="correct smoke-commands: each command must exit with 0 in an empty environment, with an empty home and "
        "working directory, and without input and a PATH"
        if are_of_source
        else f"run it by hand with an empty environment: env -i {context.executable} {failed[0]}",
    )
    return ", ".join(problems)


def _problem_of(context: VerificationContext, command: Sequence[str]) -> tuple[str, bool]:
    """How a command fails, or "", and whether it does so from source too."""
    finished = start(context, *command)
    if finished.code == 0:
        return "", False
    source = start_from_source(context, *command)
    if ends_alike(context, finished, source):
        return f"fails from source too: {described(finished)}", True
    from_source = f"; from source, it exits with {source.code}" if source else ""
    return f"failed{from_source}: {described(finished)}", False


def check_unknown_option(context: VerificationContext) -> Passed:
    """An unknown option is a usage error, with a message and an exit code above 0, or does what it does from source."""
    finished = start(context, UNKNOWN_OPTION)
    figure = f"exit code {finished.code}"
    crash = next((mark for mark in CRASH_MARKS if mark in finished.output), None)
    if not crash and finished.code > 0:
        return Passed(figure=figure)
    if ends_alike(context, finished, start_from_source(context, UNKNOWN_OPTION)):
        what = "crashes the program" if crash or finished.code < 0 else "is ignored"
        return Passed(figure=figure, notes=(f"an unknown option {what}, as from source",))
    refuse(
        context,
        {crash or figure: described(finished)},
        what=f"`{context.settings.executable} {UNKNOWN_OPTION}` doesn't end with a usage error",
        hint="for invalid arguments, print one line to standard error and exit with a code such as 2",
    )
    return Passed(figure=figure)


def check_temporary_files(context: VerificationContext) -> Passed:
    """The programs started so far left nothing in their temporary folder, or no more than from source."""
    left = sorted(path.name for path in context.temporary_folder.iterdir())
    folder = context.own_temporary_folder("tmp of source")
    notes: tuple[str, ...] = ()
    if any(not name.startswith(_BUNDLE) for name in left) and _leaves_files_from_source(context, folder):
        left = [name for name in left if name.startswith(_BUNDLE)]
        notes = ("the program leaves files in its temporary folder, as from source",)
    refuse(
        context,
        {_RANDOM_PART.sub("*", name) for name in left},
        what="the program left files in its temporary folder",
        hint="delete temporary files before exiting; a folder _MEI… means that a child process outlived the program",
    )
    return Passed(figure="none of the bundle left" if notes else "none left", notes=notes)


def _leaves_files_from_source(context: VerificationContext, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    for command in (("--version",), *context.settings.smoke_commands):
        start_from_source(context, *command, extra=temporary_folder_variables(context, folder))
    return any(folder.iterdir())
