"""Every failure that a person can act on.

Each class takes typed arguments and builds its own text: what failed, on which file or platform, and what to do next.
They are caught at the two edges only (the Nox session and `python -m release_tools`), and never shown as a traceback.
"""

import errno
import shlex
import signal
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Control characters, invisible ones that change the direction of what follows, and halves of characters.
_OBEYED: Final = frozenset({"Cc", "Cf", "Cs"})


def escape_control_chars(text: str) -> str:
    """The text with everything written out that a terminal obeys instead of showing, or that cannot be encoded.

    What programs print and what archives call their members comes to the screen in errors.
    """
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if character not in "\n\t" and unicodedata.category(character) in _OBEYED
        else character
        for character in text
    )


class ReleaseError(Exception):
    """What failed, and the next step that mends it. `is_reported` when the person has read it already."""

    is_reported = False

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what = escape_control_chars(what)
        self.hint = hint

    def __str__(self) -> str:
        return f"error: {self.what}\nhint: {self.hint}"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One finding among several that are reported together."""

    what: str
    hint: str


class ProblemsFoundError(ReleaseError):
    """Several things are wrong; all are listed at once, so that one round mends them."""

    def __init__(self, subject: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(subject, "mend what is listed above, then run the same command again")

    def __str__(self) -> str:
        if len(self.problems) == 1:
            only = self.problems[0]
            return escape_control_chars(f"error: {self.what}: {only.what}\nhint: {only.hint}")
        lines = [f"error: {self.what}: {len(self.problems)} problems"]
        for number, problem in enumerate(self.problems, start=1):
            lines += [f"  {number}. {problem.what}", f"     hint: {problem.hint}"]
        return escape_control_chars("\n".join(lines))


class SettingsError(ProblemsFoundError):
    """`pyproject.toml` or `.python-version` does not say what a build needs to know."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        super().__init__(path.name, problems)


class RequestError(ProblemsFoundError):
    """What was asked for cannot be done; nothing was started."""

    def __init__(self, wish: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"cannot {wish}", problems)


class PreflightError(ProblemsFoundError):
    """The locked environment would give a broken binary; nothing was frozen."""

    def __init__(self, platform_name: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"preflight for {platform_name}", problems)


class MissingWheelsError(ProblemsFoundError):
    """Some locked package cannot be installed on some platform, so a release of all five is not possible."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("not every locked package has a wheel for every platform", problems)


class UnknownPlatformError(ReleaseError):
    """No row of the platform table has this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown platform {name!r}", f"the platforms are {', '.join(known)}")


class UnsupportedHostError(ReleaseError):
    """The running machine is none of the five platforms."""

    def __init__(self, system: str, machine: str, known: Sequence[str]) -> None:
        super().__init__(
            f"this machine ({system} on {machine}) is not a platform that binaries are built for",
            f"build on one of {', '.join(known)}",
        )


class LockFileError(ReleaseError):
    """`poetry.lock` is missing, unreadable, or of a kind that cannot be installed with checked hashes."""

    def __init__(self, path: Path, why: str, hint: str = "make it anew with Poetry 2.2 or later: poetry lock") -> None:
        super().__init__(f"{path.name}: {why}", hint)


class MissingPythonError(ReleaseError):
    """No interpreter of the pinned version is on this machine and none could be fetched."""

    def __init__(self, version: str, tried: str) -> None:
        super().__init__(
            f"Python {version} was not found on this machine ({tried})",
            f"install it with one of: uv python install {version} · pyenv install {version} · "
            "your system's packages · https://www.python.org/downloads/",
        )


class MissingToolError(ReleaseError):
    """A program that the work needs is not on the PATH."""

    def __init__(self, tool: str, hint: str) -> None:
        super().__init__(f"the program {tool!r} was not found on the PATH", hint)


class CommandFailedError(ReleaseError):
    """A program ended with an error or ran out of time."""

    def __init__(self, args: Sequence[str], outcome: str, output: str = "", hint: str = "") -> None:
        tail = "\n".join(f"  | {line}" for line in output.strip().splitlines()[-20:])
        shown = shlex.join(args)
        super().__init__(
            f"{shown} {outcome}" + (f"\n{tail}" if tail else ""),
            hint or "its own message says why; run it again by hand from the project's folder to look closer",
        )


class ProgramEndedError(ReleaseError):
    """A program that speaks to the person itself did not end well. `code` is negative for a signal."""

    def __init__(self, args: Sequence[str], code: int, outcome: str, hint: str) -> None:
        super().__init__(f"{shlex.join(args)} {outcome}", hint)
        self.code = code


class ReportedError(ProgramEndedError):
    """It has said why."""

    is_reported = True

    def __init__(self, args: Sequence[str], code: int) -> None:
        super().__init__(args, code, f"ended with exit code {code}", "read what it printed above")


# What the kernel sends, too, when memory runs out; `signal` has no name for it on Windows.
SIGKILL: Final = 9


class KilledError(ProgramEndedError):
    """A signal ended it: from somebody, from the kernel, or for a mistake of its own. It could say nothing any more."""

    def __init__(self, args: Sequence[str], number: int) -> None:
        if number == SIGKILL:
            hint = (
                "run the same command again; if nobody ended it, the memory was too little: close other programs, or "
                "take a larger machine"
            )
        else:
            hint = "run the same command again; if it ends so again, report it with what it printed above"
        super().__init__(args, -number, f"was ended by signal {number} ({signal.strsignal(number)})", hint)


class FilesystemError(ReleaseError):
    """The system refused to read or write: a full disk, a missing permission, a file where a folder should be."""

    def __init__(self, error: OSError) -> None:
        # Of a copy, the second is where it was to go.
        path = error.filename2 or error.filename
        place = f" ({path})" if path else ""
        hint = "make room on the disk" if error.errno in _NO_ROOM else "make it a file or folder that you may change"
        super().__init__(f"the system says: {error.strerror}{place}", f"{hint}, then run the same command again")


_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSALS: Final = frozenset(
    {*_NO_ROOM, errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
)


@contextmanager
def reporting_os_errors() -> Iterator[None]:
    """What the system refuses is a `FilesystemError`; any other of its errors is a mistake of ours and stays one."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise FilesystemError(error) from None


class BusyError(ReleaseError):
    """Another build or verification is using the folder that this one wants to use."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another build or verification is at work in {folder}", "wait until it has ended, or use another clone"
        )


class FreezeError(ReleaseError):
    """PyInstaller failed, or logged something that would ship a broken binary."""

    def __init__(self, findings: Sequence[str], log: Path, hint: str) -> None:
        listed = "".join(f"\n  - {finding}" for finding in findings)
        super().__init__(f"PyInstaller could not freeze the app{listed}\n  log: {log}", hint)


class VerificationError(ReleaseError):
    """The packaged binary failed a check; nothing was put into the output folder."""

    def __init__(self, archive: Path, checks: Sequence[str]) -> None:
        super().__init__(
            f"{archive.name} does not work and was not put into dist/: {', '.join(checks)}",
            "mend what the report above says and build again; -- --keep-going runs the remaining checks too",
        )


class NothingToMeasureError(ReleaseError):
    """A benchmark was asked for where no build left an archive and the environment that it was made from."""

    def __init__(self, platform_name: str) -> None:
        super().__init__(
            f"there is no build of {platform_name} to measure",
            f"build first: nox -s build-{platform_name}",
        )


class NoCommitError(ReleaseError):
    """Something that is done with a commit was asked for in a folder without one."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"{root} is not a git checkout with a commit", "clone the repository, or commit first")


class UnreproducibleError(ReleaseError):
    """Two builds of one commit gave different bytes."""

    def __init__(self, first: Path, second: Path, differing: Sequence[str]) -> None:
        listed = "".join(f"\n  - {member}" for member in differing)
        super().__init__(
            f"two builds of one commit differ: {first} and {second}{listed}",
            "look for a time, a path or an unordered set in what makes the first differing member",
        )


class CleaningError(ReleaseError):
    """Something that a build left cannot be removed."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path} cannot be removed: {error.strerror or error}",
            "end what still uses it, or remove it with the rights of whoever made it; then run `invoke clean` again",
        )


class RecordError(ReleaseError):
    """A file isn't a build record."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"{path}: {reason}", "pass the record of a build, build/<platform>/record.json; build again to recreate it"
        )


class DuplicateRecordError(ReleaseError):
    """Several files record the same version for the same platform."""

    def __init__(self, build: str, paths: Sequence[Path]) -> None:
        self.build = build
        self.paths = tuple(paths)
        super().__init__(f"{len(paths)} records of {build}: {', '.join(map(str, paths))}", "pass only one of them")


class ReportOutputError(ReleaseError):
    """A report can't be written to the requested file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}", "choose a .md file in an existing folder, such as docs/builds.md")


class UnsafeArchiveError(ReleaseError):
    """An archive holds a name that must not be unpacked."""

    def __init__(self, archive: Path, member: str, why: str) -> None:
        super().__init__(
            f"{archive.name}: member {member!r} {why}; nothing was unpacked",
            "do not use this file: get it again from its release page and compare its checksum",
        )


class UnknownArchiveError(ReleaseError):
    """A file whose name is not that of an archive of this project."""

    def __init__(self, name: str, executable: str) -> None:
        super().__init__(
            f"{name!r} is not the name of an archive of this project",
            f"name a file such as {executable}-v1.2.3-linux-amd64.tar.gz, as downloaded, or a folder of them",
        )


class RefusedDownloadsError(ReleaseError):
    """Archives from elsewhere failed the verification."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"{len(names)} of the archives must not be used: {', '.join(names)}",
            "the table above says what is wrong with each; download it again, or report it to who made it",
        )


class NoContainerProgramError(ReleaseError):
    """A build in a container was asked for, and nothing here starts containers."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(
            "a container is needed, and neither docker nor podman can start one here"
            + "".join(f"\n  - {line}" for line in words),
            "install podman (sudo apt install podman) or docker, or start docker's daemon and join its group",
        )


class MissingEmulatorError(ReleaseError):
    """The kernel cannot run programs of the container's machine."""

    def __init__(self, platform_name: str, program: str, words: str) -> None:
        listed = "".join(f"\n  | {line}" for line in words.splitlines()[-3:])
        super().__init__(
            f"this machine cannot run programs of {platform_name}: QEMU is not registered with its kernel{listed}",
            "register it with one of: sudo apt install qemu-user-static binfmt-support · "
            f"sudo {program} run --privileged --rm docker.io/tonistiigi/binfmt --install arm64; "
            "then run the same command again",
        )


class ContainerError(ReleaseError):
    """A container cannot be used for a build, or left none."""


class SuiteTimeoutError(ReleaseError):
    """The app's tests did not finish in time."""

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__(
            f"the tests were still running after {timeout_seconds:g} s and were ended",
            "find the test that hangs: give every program it starts a timeout",
        )
        self.timeout_seconds = timeout_seconds
