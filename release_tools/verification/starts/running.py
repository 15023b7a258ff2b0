"""Start the executable in a nearly empty environment, and the checks that need nothing more."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from release_tools.errors import ReleaseError
from release_tools.findings import toml_string
from release_tools.platforms import Platform
from release_tools.processes.run import Finished, observe
from release_tools.verification.check import (
    Assumption,
    CheckFailedError,
    Passed,
    VerificationContext,
)
from release_tools.verification.timeouts import scaled_timeout

START_TIMEOUT_SECONDS: Final = 120.0
START_UP_ROUNDS: Final = 5
# Limits of a quick build, which ends sooner and trusts one measurement.
QUICK_START_TIMEOUT_SECONDS: Final = 20.0
QUICK_START_UP_ROUNDS: Final = 1

# Printed by Python and by the bootloader when the program crashes.
CRASH_MARKS: Final = ("Traceback (most recent call last)", "[PYI-")

# The bootloader prints this when the app's own code crashes.
_SCRIPT_FAILED: Final = "Failed to execute script"
# Printed by it or by the system's loader when Python doesn't start.
_LOADER_MARKS: Final = ("[PYI-", "error while loading shared libraries", "dyld")


# Without these, no program starts on Windows.
_WINDOWS_VARIABLES: Final = ("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT")


def bare_environment(context: VerificationContext) -> dict[str, str]:
    """The least a program needs to start: an empty home and a temporary folder of its own, and no PATH."""
    # Makes the bootloader report when it can't clean up.
    strict = {"PYINSTALLER_STRICT_UNPACK_MODE": "1"}
    kept = {}
    if context.platform.os == "windows":
        kept = {name: os.environ[name] for name in _WINDOWS_VARIABLES if name in os.environ}
    home = home_variables(context, context.users_folder / "home")
    return {**kept, **home, **temporary_folder_variables(context, context.temporary_folder), **strict}


def home_variables(context: VerificationContext, folder: Path) -> dict[str, str]:
    """The variables that name a user's home, which is created if it doesn't exist."""
    folder.mkdir(parents=True, exist_ok=True)
    return dict.fromkeys(home_variable_names(context.platform), str(folder))


def working_folder(context: VerificationContext) -> Path:
    """The folder that programs start in, created if it doesn't exist."""
    folder = context.users_folder / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def home_variable_names(platform: Platform) -> tuple[str, ...]:
    return ("USERPROFILE", "APPDATA", "LOCALAPPDATA") if platform.os == "windows" else ("HOME",)


def temporary_folder_variables(context: VerificationContext, folder: Path) -> dict[str, str]:
    """The variables that set a program's temporary folder on this platform."""
    names = ("TEMP", "TMP") if context.platform.os == "windows" else ("TMPDIR",)
    return dict.fromkeys(names, str(folder))


def check_version(context: VerificationContext) -> str:
    """`--version` prints the exact version, and no warnings."""
    finished = start(context, "--version")
    if finished.code != 0 or not context.is_version_output(finished.stdout.strip()) or finished.stderr:
        disproved = _disproved_by(finished)
        raise CheckFailedError(
            f"--version should print {context.version_line!r} and exit with 0, but {described(finished)}",
            _version_hint(context, disproved),
            cure=_version_output(context, finished),
            disproves=disproved,
        )
    return finished.stdout.strip()


def _version_hint(context: VerificationContext, disproved: Assumption) -> str:
    match disproved:
        case Assumption.VERSION_IS_PRINTED:
            return (
                f"read the version with importlib.metadata.version({context.settings.project_name!r}), where the build "
                "stores the exact one; if you print other text around it, set version-output in [tool.release-tools]"
            )
        case Assumption.PROGRAM_STARTS:
            return (
                "run it from source in an empty environment; if it works there, the bundle lacks what the error names: "
                "add that to the project's wheel or to its dependencies"
            )
        case _:
            return f"start it by hand: env -i {context.executable} --version; Python itself doesn't start in the bundle"


def _version_output(context: VerificationContext, finished: Finished) -> str | None:
    """The setting that allows what `--version` prints, if that is one line with the exact version; otherwise None."""
    line, exact = finished.stdout.strip(), context.version.exact
    if finished.code != 0 or finished.stderr or "\n" in line or line.count(exact) != 1:
        return None
    output = line.replace(exact, "{version}").replace(context.settings.executable, "{executable}")
    return f"version-output = {toml_string(output)}"


def _disproved_by(finished: Finished) -> Assumption:
    """How much of the program a failing `--version` says is broken."""
    is_reached = _SCRIPT_FAILED in finished.output
    if any(mark in finished.output for mark in _LOADER_MARKS) and not is_reached:
        return Assumption.PYTHON_STARTS
    if is_reached or finished.code < 0 or any(mark in finished.output for mark in CRASH_MARKS):
        return Assumption.PROGRAM_STARTS
    return Assumption.VERSION_IS_PRINTED


def check_start_up(context: VerificationContext) -> Passed:
    """How long `--version` takes, the best of several starts; there's no limit."""
    rounds = QUICK_START_UP_ROUNDS if context.is_quick else START_UP_ROUNDS
    finished = [start(context, "--version") for _ in range(rounds)]
    for one in finished:
        if one.code != 0:
            raise CheckFailedError(
                f"`{context.settings.executable} --version` fails intermittently: {described(one)}",
                "start it repeatedly by hand to find out what it depends on",
            )
    best = min(one.seconds for one in finished)
    return Passed(figure=f"{best:.2f} s", value=round(best, 3))


def start(context: VerificationContext, *args: str, extra: Mapping[str, str] | None = None) -> Finished:
    """Run the executable in the bare environment until it exits.

    Raises `CheckFailedError` when it can't be started or times out.
    """
    environment = {**bare_environment(context), **(extra or {})}
    return start_program(context, [str(context.executable), *args], environment)


def start_program(
    context: VerificationContext, command: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
) -> Finished:
    """Run a program in exactly this environment until it exits.

    Raises `CheckFailedError` when it can't be started or times out.
    """
    context.temporary_folder.mkdir(parents=True, exist_ok=True)
    timeout_seconds = scaled_timeout(QUICK_START_TIMEOUT_SECONDS if context.is_quick else START_TIMEOUT_SECONDS)
    try:
        return observe(
            command, cwd=cwd or working_folder(context), environment=environment, timeout_seconds=timeout_seconds
        )
    except ReleaseError as error:
        raise CheckFailedError(
            error.what,
            "the program must start and exit by itself with these arguments",
            disproves=Assumption.PROGRAM_STARTS,
        ) from None
    except OSError as error:
        raise CheckFailedError(
            f"{Path(command[0]).name} can't be started: {error}",
            "build it for this machine, and keep its mode 0755",
            disproves=Assumption.PYTHON_STARTS,
        ) from None


def described(finished: Finished) -> str:
    """How a program exited, with its last lines of output."""
    output = finished.output.strip()
    shown = "\n".join(output.splitlines()[-15:])
    return f"it exited with {finished.code} and printed:\n{shown}" if output else f"it exited with {finished.code}"
