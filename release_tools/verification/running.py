"""Checks that start the executable, in an environment that holds next to nothing."""

import os
from collections.abc import Mapping
from typing import Final

from release_tools.commands import Finished, observe
from release_tools.errors import ReleaseError
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Subject

START_TIMEOUT_SECONDS: Final = 120.0
START_UP_ROUNDS: Final = 5

# Without these no program starts on Windows, whoever made it.
_WINDOWS_VARIABLES: Final = ("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT")


def bare_environment(subject: Subject) -> dict[str, str]:
    """Nothing of the caller's environment but what a start needs: no HOME, and a temporary folder of our own."""
    temporary = str(subject.temporary_folder)
    # Makes the bootloader's failure to clean up an error instead of a silence.
    strict = {"PYINSTALLER_STRICT_UNPACK_MODE": "1"}
    if subject.platform.os == "windows":
        kept = {name: os.environ[name] for name in _WINDOWS_VARIABLES if name in os.environ}
        return {**kept, "TEMP": temporary, "TMP": temporary, **strict}
    return {"TMPDIR": temporary, **strict}


def check_version(subject: Subject) -> str:
    """`--version` prints the program's name and the exact version, and nothing else."""
    expected = f"{subject.settings.executable} {subject.version.exact}"
    finished = start(subject, "--version")
    if finished.code != 0 or finished.stdout.strip() != expected or finished.stderr:
        raise CheckFailedError(
            f"--version was to print {expected!r} and exit with 0, but {_described(finished)}",
            f"read the version with importlib.metadata.version({subject.settings.project_name!r}); the build puts the "
            "exact one there",
        )
    return finished.stdout.strip()


def check_smoke_commands(subject: Subject) -> str:
    """Each of the project's smoke commands exits with 0 in the bare environment."""
    commands = subject.settings.smoke_commands
    if not commands:
        raise CheckSkippedError("no smoke-commands are set")
    for command in commands:
        finished = start(subject, *command)
        if finished.code != 0:
            raise CheckFailedError(
                f"`{subject.settings.executable} {' '.join(command)}` failed: {_described(finished)}",
                f"run it by hand with an empty environment: env -i {subject.executable} {' '.join(command)}",
            )
    return ", ".join(" ".join(command) for command in commands)


def check_start_up(subject: Subject) -> str:
    """How long `--version` takes, the best of a few starts; a figure, not a limit."""
    best = min(start(subject, "--version").seconds for _ in range(START_UP_ROUNDS))
    return f"{best:.2f} s"


def check_temporary_files(subject: Subject) -> str:
    """No start left anything in the temporary folder."""
    left = sorted(path.name for path in subject.temporary_folder.iterdir())
    if left:
        raise CheckFailedError(
            f"the program left {len(left)} entries in its temporary folder: {', '.join(left[:5])}",
            "close and remove temporary files before exit; a folder _MEI… means that a child process outlived the app",
        )
    return "none left"


def start(subject: Subject, *args: str, extra: Mapping[str, str] | None = None) -> Finished:
    """Run the executable to its end in the bare environment.

    Raises `CheckFailedError` when it cannot be started or does not end.
    """
    subject.temporary_folder.mkdir(parents=True, exist_ok=True)
    command = [str(subject.executable), *args]
    try:
        return observe(
            command,
            cwd=subject.scratch,
            environment={**bare_environment(subject), **(extra or {})},
            timeout_seconds=START_TIMEOUT_SECONDS,
        )
    except ReleaseError as error:
        raise CheckFailedError(error.what, "the program must start, and end by itself, with these arguments") from None
    except OSError as error:
        raise CheckFailedError(
            f"{subject.executable.name} cannot be started: {error}", "build it for this machine, and keep its mode 0755"
        ) from None


def _described(finished: Finished) -> str:
    output = finished.output.strip()
    shown = "\n".join(output.splitlines()[-15:])
    return f"it exited with {finished.code} and printed:\n{shown}" if output else f"it exited with {finished.code}"
