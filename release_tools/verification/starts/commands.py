"""Checks of single commands: those of the project, and one that no program knows."""

from typing import Final

from release_tools.verification.check import CheckFailedError, CheckSkippedError, Passed, VerificationContext
from release_tools.verification.starts.from_source import ends_alike, start_from_source
from release_tools.verification.starts.running import CRASH_MARKS, described, start

UNKNOWN_OPTION: Final = "--no-such-option-xyz"


def check_smoke_commands(context: VerificationContext) -> str:
    """Each of the project's smoke commands exits with 0 in the bare environment."""
    commands = context.settings.smoke_commands
    if not commands:
        raise CheckSkippedError("no smoke-commands are set")
    for command in commands:
        finished = start(context, *command)
        if finished.code == 0:
            continue
        line = f"{context.settings.executable} {' '.join(command)}"
        source = start_from_source(context, *command)
        if ends_alike(context, finished, source):
            raise CheckFailedError(
                f"`{line}` fails from source too: {described(finished)}",
                "correct smoke-commands: each command must exit with 0 in an empty environment, with an empty home and "
                "working directory, and without input and a PATH",
            )
        from_source = f"; from source, it exits with {source.code}" if source else ""
        raise CheckFailedError(
            f"`{line}` failed{from_source}: {described(finished)}",
            f"run it by hand with an empty environment: env -i {context.executable} {' '.join(command)}",
        )
    return ", ".join(" ".join(command) for command in commands)


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
    if not context.is_allowed(crash or figure):
        why = f"the output includes {crash!r}" if crash else "this isn't a usage error"
        raise CheckFailedError(
            f"`{context.settings.executable} {UNKNOWN_OPTION}`: {why}; {described(finished)}",
            "for invalid arguments, print one line to standard error and exit with a code such as 2",
            [crash or figure],
        )
    return Passed(figure=figure)
