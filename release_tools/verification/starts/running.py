"""Checks that start the executable, in an environment that holds next to nothing."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from release_tools.errors import ReleaseError
from release_tools.processes.run import Finished, observe
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Measurement, VerificationContext
from release_tools.verification.timeouts import scaled_timeout

START_TIMEOUT_SECONDS: Final = 120.0
START_UP_ROUNDS: Final = 5
UNKNOWN_OPTION: Final = "--no-such-option-xyz"

# What Python and the bootloader print when something went wrong that the app did not foresee.
CRASH_MARKS: Final = ("Traceback (most recent call last)", "[PYI-")

# Without these no program starts on Windows, whoever made it.
_WINDOWS_VARIABLES: Final = ("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT")


def bare_environment(context: VerificationContext) -> dict[str, str]:
    """Nothing of the caller's environment but what a start needs: no HOME, and a temporary folder of our own."""
    # Makes the bootloader's failure to clean up an error instead of a silence.
    strict = {"PYINSTALLER_STRICT_UNPACK_MODE": "1"}
    kept = {}
    if context.platform.os == "windows":
        kept = {name: os.environ[name] for name in _WINDOWS_VARIABLES if name in os.environ}
    return {**kept, **temporary_folder_variables(context, context.temporary_folder), **strict}


def temporary_folder_variables(context: VerificationContext, folder: Path) -> dict[str, str]:
    """What tells a program of this platform where its temporary files go."""
    names = ("TEMP", "TMP") if context.platform.os == "windows" else ("TMPDIR",)
    return dict.fromkeys(names, str(folder))


def check_version(context: VerificationContext) -> str:
    """`--version` prints the program's name and the exact version, and nothing else."""
    finished = start(context, "--version")
    if finished.code != 0 or not context.is_version_line(finished.stdout.strip()) or finished.stderr:
        raise CheckFailedError(
            f"--version was to print {context.version_line!r} and exit with 0, but {described(finished)}",
            f"read the version with importlib.metadata.version({context.settings.project_name!r}); the build puts the "
            "exact one there. Where other words stand around it, version-output of [tool.release-tools] says which",
        )
    return finished.stdout.strip()


def check_smoke_commands(context: VerificationContext) -> str:
    """Each of the project's smoke commands exits with 0 in the bare environment."""
    commands = context.settings.smoke_commands
    if not commands:
        raise CheckSkippedError("no smoke-commands are set")
    for command in commands:
        finished = start(context, *command)
        if finished.code != 0:
            raise CheckFailedError(
                f"`{context.settings.executable} {' '.join(command)}` failed: {described(finished)}",
                f"run it by hand with an empty environment: env -i {context.executable} {' '.join(command)}",
            )
    return ", ".join(" ".join(command) for command in commands)


def check_unknown_option(context: VerificationContext) -> str:
    """An option that no program has is a usage error: an exit code above 0, and a message instead of a crash."""
    finished = start(context, UNKNOWN_OPTION)
    crash = next((mark for mark in CRASH_MARKS if mark in finished.output), None)
    if crash or finished.code <= 0:
        why = f"its output holds {crash!r}" if crash else "it is no usage error"
        if context.is_allowed(f"exit code {finished.code}"):
            return f"exit code {finished.code}"
        raise CheckFailedError(
            f"`{context.settings.executable} {UNKNOWN_OPTION}`: {why}; {described(finished)}",
            "end with an exit code such as 2 and one line on standard error for arguments that make no sense",
        )
    return f"exit code {finished.code}"


def check_start_up(context: VerificationContext) -> Measurement:
    """How long `--version` takes, the best of a few starts; a figure, not a limit."""
    finished = [start(context, "--version") for _ in range(START_UP_ROUNDS)]
    for one in finished:
        if one.code != 0:
            raise CheckFailedError(
                f"`{context.settings.executable} --version` fails now and then: {described(one)}",
                "start it repeatedly by hand; something it needs isn't always there",
            )
    best = min(one.seconds for one in finished)
    return Measurement(figure=f"{best:.2f} s", value=round(best, 3))


def check_temporary_files(context: VerificationContext) -> str:
    """No start left anything in the temporary folder."""
    left = sorted(path.name for path in context.temporary_folder.iterdir())
    if left:
        raise CheckFailedError(
            f"the program left {len(left)} entries in its temporary folder: {', '.join(left[:5])}",
            "close and remove temporary files before exit; a folder _MEI… means that a child process outlived the app",
        )
    return "none left"


def start(context: VerificationContext, *args: str, extra: Mapping[str, str] | None = None) -> Finished:
    """Run the executable to its end in the bare environment.

    Raises `CheckFailedError` when it cannot be started or does not end.
    """
    environment = {**bare_environment(context), **(extra or {})}
    return start_program(context, [str(context.executable), *args], environment)


def start_program(
    context: VerificationContext, command: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
) -> Finished:
    """Run a program to its end in exactly this environment.

    Raises `CheckFailedError` when it cannot be started or does not end.
    """
    context.temporary_folder.mkdir(parents=True, exist_ok=True)
    try:
        return observe(
            command,
            cwd=cwd or context.scratch,
            environment=environment,
            timeout_seconds=scaled_timeout(START_TIMEOUT_SECONDS),
        )
    except ReleaseError as error:
        raise CheckFailedError(error.what, "the program must start, and end by itself, with these arguments") from None
    except OSError as error:
        raise CheckFailedError(
            f"{Path(command[0]).name} cannot be started: {error}", "build it for this machine, and keep its mode 0755"
        ) from None


def described(finished: Finished) -> str:
    """How a program ended, with the end of what it printed."""
    output = finished.output.strip()
    shown = "\n".join(output.splitlines()[-15:])
    return f"it exited with {finished.code} and printed:\n{shown}" if output else f"it exited with {finished.code}"
