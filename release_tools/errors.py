"""Every failure that you can act on.

Each class builds its text from typed arguments: what failed, with the file or platform, and what to do next. They are
caught where a command ends (Nox session, Invoke task, `python -m release_tools`), and never shown as a traceback.
"""

import errno
import shlex
import signal
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Control characters, invisible formatting such as a change of direction, and lone surrogates.
_ESCAPED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs"})


def escape_control_chars(text: str) -> str:
    """Escape everything that a terminal would obey instead of show, and everything that can't be encoded.

    Errors quote the output of programs and the member names of archives.
    """
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if character not in "\n\t" and unicodedata.category(character) in _ESCAPED_CATEGORIES
        else character
        for character in text
    )


def bulleted(items: Iterable[str]) -> str:
    """The items as a list below a line of an error."""
    return "".join(f"\n  - {item}" for item in items)


class ReleaseError(Exception):
    """A failure and how to fix it. `is_reported` if the terminal shows the reason already."""

    is_reported = False

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what = escape_control_chars(what)
        self.hint = hint

    def __str__(self) -> str:
        return f"error: {self.what}\nhint: {self.hint}"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One of several failures that are reported together."""

    what: str
    hint: str


class ProblemsFoundError(ReleaseError):
    """Several problems, reported together so that you can fix them all before the next try."""

    def __init__(self, subject: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(subject, "fix the problems listed above, then run the same command again")

    def __str__(self) -> str:
        if len(self.problems) == 1:
            only = self.problems[0]
            return escape_control_chars(f"error: {self.what}: {only.what}\nhint: {only.hint}")
        lines = [f"error: {self.what}: {len(self.problems)} problems"]
        for number, problem in enumerate(self.problems, start=1):
            lines += [f"  {number}. {problem.what}", f"     hint: {problem.hint}"]
        return escape_control_chars("\n".join(lines))


class SettingsError(ProblemsFoundError):
    """`pyproject.toml` or `.python-version` lacks something, or has an invalid value."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.path = path
        super().__init__(path.name, problems)


class RequestError(ProblemsFoundError):
    """A request that can't be carried out; nothing was started."""

    def __init__(self, action: str, problems: Sequence[Problem]) -> None:
        self.action = action
        super().__init__(f"cannot {action}", problems)


class PreflightError(ProblemsFoundError):
    """The locked environment would produce a broken binary; nothing was frozen."""

    def __init__(self, platform_name: str, problems: Sequence[Problem], allowance: str = "") -> None:
        self.platform_name, self.allowance = platform_name, allowance
        super().__init__(f"preflight failed for {platform_name}", problems)

    def __str__(self) -> str:
        """The problems, then the TOML that allows those that can be harmless."""
        if not self.allowance:
            return super().__str__()
        block = textwrap.indent(self.allowance, "    ")
        return f"{super().__str__()}\nif it's harmless, in pyproject.toml, with the reason:\n{block}"


class MissingWheelsError(ProblemsFoundError):
    """A locked package has no wheel for some platform, so not all five can be built."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("not every locked package has a wheel for every platform", problems)


class UnknownPlatformError(ReleaseError):
    """No platform has this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        super().__init__(f"unknown platform {name!r}", f"use one of: {', '.join(known)}")


class UnsupportedHostError(ReleaseError):
    """The running machine is none of the five platforms."""

    def __init__(self, system: str, machine: str, known: Sequence[str]) -> None:
        self.system, self.machine = system, machine
        super().__init__(
            f"this machine ({system} on {machine}) is not a supported platform",
            f"build on one of: {', '.join(known)}",
        )


def place_of_lock(path: Path) -> tuple[str, str]:
    """How messages name the folder of a `poetry.lock`, the app's or this library's, and the command that writes it."""
    if path.parent != Path(__file__).parent:
        return "", "poetry lock"
    folder = path.parent.name
    return f"{folder}/", f"poetry -C {folder} lock"


class LockFileError(ReleaseError):
    """`poetry.lock` is missing, unreadable, or locks something whose hash can't be checked."""

    def __init__(self, path: Path, reason: str, hint: str = "") -> None:
        self.path, self.reason = path, reason
        folder, command = place_of_lock(path)
        super().__init__(f"{folder}{path.name}: {reason}", hint or f"create it with Poetry 2.2 or later: {command}")


class EditedFilesError(ReleaseError):
    """Files of the release tools were edited in a project, and have changed where they come from."""

    def __init__(self, library: Path, project: Path, names: Sequence[str]) -> None:
        self.names = tuple(names)
        listed = bulleted(names)
        super().__init__(
            f"not updated, because they were edited in {project}:{listed}",
            f"compare and merge each by hand: git diff --no-index {project / 'FILE'} {library / 'FILE'}; "
            "or overwrite all of them with --force",
        )


class SourceDistributionError(ReleaseError):
    """A locked package has no wheel, and no pure one can be built from its sdist."""

    def __init__(self, name: str, version: str, reason: str) -> None:
        self.name, self.version = name, version
        super().__init__(
            f"{name} {version} is released as a source distribution only, and {reason}",
            f"build its wheel once: pip wheel --no-deps -w wheels {name}=={version}; then add {name}=={version} to the "
            f'dependencies in [project], {name} = {{ path = "wheels/….whl" }} to [tool.poetry.dependencies], and run '
            "`poetry lock`",
        )


class MissingPythonError(ReleaseError):
    """The pinned Python isn't installed and couldn't be downloaded."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(
            f"Python {version} is not installed, and uv could not download it",
            f"install it with one of: uv python install {version} · pyenv install {version} · "
            "your system's package manager · https://www.python.org/downloads/",
        )


# How to install the programs that a release needs.
INSTALL_HINTS: Final[Mapping[str, str]] = {
    "gh": "install it: https://cli.github.com",
    "git": "install it with your system's package manager",
    "upx": "install it, on Debian with `apt install upx-ucl`, or remove `upx` from [tool.release-tools]",
    "uv": 'install it together with Nox: python -m pip install -U "nox[uv]"',
}


class MissingToolError(ReleaseError):
    """A required program isn't on the PATH."""

    def __init__(self, tool: str, hint: str = "") -> None:
        self.tool = tool
        default = INSTALL_HINTS.get(tool, "install it, or add its folder to the PATH, then run the same command again")
        super().__init__(f"the program {tool!r} was not found on the PATH", hint or default)


class CommandFailedError(ReleaseError):
    """A program failed or timed out."""

    def __init__(self, args: Sequence[str], outcome: str, output: str = "", hint: str = "") -> None:
        self.command, self.outcome, self.output = tuple(args), outcome, output
        tail = "\n".join(f"  | {line}" for line in output.strip().splitlines()[-20:])
        super().__init__(
            f"{shlex.join(args)} {outcome}" + (f"\n{tail}" if tail else ""),
            hint or "its output says why; run it yourself in the project's folder to see all of it",
        )


class ProgramEndedError(ReleaseError):
    """A program that prints to the terminal itself failed. `code` is negative for a signal."""

    def __init__(self, args: Sequence[str], code: int, outcome: str, hint: str) -> None:
        super().__init__(f"{shlex.join(args)} {outcome}", hint)
        self.command, self.code = tuple(args), code


class ReportedError(ProgramEndedError):
    """A program failed and printed why."""

    is_reported = True

    def __init__(self, args: Sequence[str], code: int) -> None:
        super().__init__(args, code, f"failed with exit code {code}", "read its output above")


# The kernel sends it too when memory runs out; on Windows `signal` has no name for it.
SIGKILL: Final = 9


class KilledError(ProgramEndedError):
    """A signal killed a program before it could print why."""

    def __init__(self, args: Sequence[str], number: int) -> None:
        if number == SIGKILL:
            hint = (
                "if you didn't kill it, the machine probably ran out of memory: close other programs or use a larger "
                "machine, then run the same command again"
            )
        else:
            hint = "run the same command again; if that fails too, report it with the output above"
        super().__init__(args, -number, f"was killed by signal {number} ({signal.strsignal(number)})", hint)


class FilesystemError(ReleaseError):
    """The system refused to read or write: no space left, no permission, a file in place of a folder."""

    def __init__(self, error: OSError) -> None:
        # For a copy, the second is the destination.
        path = error.filename2 or error.filename
        self.number, self.path = error.errno, path
        place = f" ({path})" if path else ""
        hint = "free some disk space" if error.errno in _NO_SPACE else "fix its permissions or move what's in its place"
        super().__init__(f"the system reports: {error.strerror}{place}", f"{hint}, then run the same command again")


_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSALS: Final = frozenset(
    {*_NO_SPACE, errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
)


@contextmanager
def reporting_os_errors() -> Iterator[None]:
    """Turn what the system refuses into a `FilesystemError`; any other `OSError` is a bug and stays as it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise FilesystemError(error) from None


class BusyError(ReleaseError):
    """Another build or verification is using the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"another build or verification is using {folder}", "wait until it has finished, or use another clone"
        )


class FreezeError(ReleaseError):
    """PyInstaller failed."""

    def __init__(self, last_lines: Sequence[str], log: Path, hint: str) -> None:
        self.log = log
        tail = "".join(f"\n  | {line}" for line in last_lines)
        super().__init__(f"PyInstaller could not freeze the app{tail}\n  log: {log}", hint)


class VerificationError(ReleaseError):
    """The packaged binary failed a check; `dist/` didn't change."""

    def __init__(self, archive: Path, checks: Sequence[str]) -> None:
        self.archive, self.checks = archive, tuple(checks)
        super().__init__(
            f"{archive.name} failed verification and was not copied to dist/: {', '.join(checks)}",
            "fix what the report shows and build again; an entry of allowed-findings accepts what is harmless",
        )


class NothingToMeasureError(ReleaseError):
    """No build left an archive and an environment to measure."""

    def __init__(self, platform_name: str) -> None:
        self.platform_name = platform_name
        super().__init__(
            f"there is no build of {platform_name} to measure", f"build it first: nox -s build-{platform_name}"
        )


class NoScenariosError(ReleaseError):
    """The project has no folder with the scenarios of its benchmark."""

    def __init__(self) -> None:
        super().__init__(
            "there are no scenarios whose imports could be recorded",
            "name a folder with a benchmarks.toml in [tool.release-tools]: benchmarks",
        )


class PlainBuildError(ReleaseError):
    """Another tool couldn't build the app for the benchmark."""

    def __init__(self, tool: str, last_lines: Sequence[str], log: Path, hint: str) -> None:
        self.tool, self.log = tool, log
        tail = "".join(f"\n  | {line}" for line in last_lines)
        super().__init__(f"{tool} can't build this app, see {log}{tail}", hint)


class BenchmarkServiceError(ReleaseError):
    """The app's service for the benchmark ended before it was ready."""

    def __init__(self, args: Sequence[str], output: str) -> None:
        self.command, self.output = tuple(args), output
        tail = "".join(f"\n  | {line}" for line in output.strip().splitlines()[-20:])
        super().__init__(
            f"the benchmark's service ended before it printed `ready`: {shlex.join(args)}{tail}",
            "run it yourself; it prints NAME=value lines, then `ready`, and serves until it's killed",
        )


class BenchmarkResultsError(ReleaseError):
    """The figures of an earlier run of the benchmark are damaged."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} isn't what `nox -s bench` writes: {reason}", "delete it, and run nox -s bench again")


class SizeRecordError(ReleaseError):
    """The sizes of the last build are damaged."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} isn't what `nox -s size` writes: {reason}", "delete it, and run nox -s size again")


class NoCommitError(ReleaseError):
    """A command that needs a commit ran in a folder without one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        super().__init__(f"{root} is not a git checkout with a commit", "clone the repository, or commit first")


class UnreproducibleError(ReleaseError):
    """Two builds of one commit differ."""

    def __init__(self, first: Path, second: Path, differing: Sequence[str]) -> None:
        self.differing = tuple(differing)
        listed = bulleted(differing)
        super().__init__(
            f"two builds of one commit differ: {first} and {second}{listed}",
            "look for a timestamp, a path or an unordered set in the code that produces the first member listed",
        )


class CleaningError(ReleaseError):
    """A build's file can't be deleted."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        super().__init__(
            f"cannot delete {path}: {error.strerror or error}",
            "close the program that uses it, or delete it as the user who owns it; then run `invoke clean` again",
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
    """An archive that is damaged, or that could overwrite files or fill the disk."""

    def __init__(self, archive: Path, member: str, reason: str) -> None:
        self.archive, self.member, self.reason = archive, member, reason
        super().__init__(
            f"{archive.name}: member {member!r} {reason}; nothing was unpacked",
            "don't use this file: download it again from its release page, and compare its checksum",
        )


class UnknownArchiveError(ReleaseError):
    """A file that isn't named like an archive of this project."""

    def __init__(self, name: str, executable: str) -> None:
        self.name = name
        super().__init__(
            f"{name!r} is not the name of an archive of this project",
            f"rename it to what it was downloaded as, such as {executable}-v1.2.3-linux-amd64.tar.gz",
        )


class RefusedDownloadsError(ReleaseError):
    """Downloaded archives failed verification."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"{', '.join(names)} failed verification",
            "don't use them; download them again, and if they fail again, report it to their publisher",
        )


class NoContainerProgramError(ReleaseError):
    """The build needs a container, and neither docker nor podman can start one."""

    def __init__(self, answers: Sequence[str]) -> None:
        self.answers = tuple(answers)
        super().__init__(
            "this build needs a container, and neither docker nor podman can start one" + bulleted(answers),
            "install podman (sudo apt install podman) or docker, or start docker's daemon and join its group",
        )


class MissingEmulatorError(ReleaseError):
    """The kernel has no emulator for the container's platform."""

    def __init__(self, platform_name: str, program: str, output: str) -> None:
        self.platform_name, self.program, self.output = platform_name, program, output
        tail = "".join(f"\n  | {line}" for line in output.splitlines()[-3:])
        super().__init__(
            f"this machine cannot run {platform_name} programs: QEMU is not registered with its kernel{tail}",
            "register it with one of: sudo apt install qemu-user-static binfmt-support · "
            f"sudo {program} run --privileged --rm docker.io/tonistiigi/binfmt --install arm64; "
            "then run the same command again",
        )


class ContainerError(ReleaseError):
    """A container that can't be used for a build, or that left no archive."""


class SuiteTimeoutError(ReleaseError):
    """The app's tests didn't finish in time."""

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        super().__init__(
            f"the tests were still running after {timeout_seconds:g} s and were killed",
            "find the test that hangs, and give every program it starts a timeout",
        )
