"""Times starts of a program, and counts the files that a start writes."""

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.benchmark.scenarios import AppBenchmarks, Scenario, prepare_folder
from release_tools.errors import CommandFailedError
from release_tools.platforms import Platform
from release_tools.processes.run import observe, started

START_TIMEOUT_SECONDS: Final = 300.0

# Without these, no program starts on Windows.
_WINDOWS_VARIABLES: Final = ("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT")
# The system calls that can create a file.
_CREATING_CALLS: Final = "creat,open,openat"
_CREATED: Final = re.compile(r'\b(?:creat\(|open(?:at)?\([^"]*)"((?:[^"\\]|\\.)*)"(.*)')


@dataclass(frozen=True, kw_only=True)
class Starter:
    """Starts programs of one benchmark in new working folders and homes in `scratch`."""

    benchmarks: AppBenchmarks
    platform: Platform
    scratch: Path
    variables: Mapping[str, str]

    def seconds(self, command: Sequence[str], scenario: Scenario) -> float:
        """The seconds until `command` with the scenario's arguments has printed what it waits for, or has ended.

        Raises `CommandFailedError` if it fails.
        """
        folder = prepare_folder(self.benchmarks, self.scratch / "work")
        environment = self.environment()
        args = [*command, *scenario.command]
        if scenario.until:
            return _seconds_until(args, scenario.until, folder, environment)
        finished = observe(args, cwd=folder, environment=environment, timeout_seconds=START_TIMEOUT_SECONDS)
        finished.require_success()
        return finished.seconds

    def environment(self) -> dict[str, str]:
        """Nothing but an empty home, an empty temporary folder, the PATH and the service's variables."""
        is_windows = self.platform.os == "windows"
        kept = ("PATH", *(_WINDOWS_VARIABLES if is_windows else ()))
        homes = ("USERPROFILE", "APPDATA", "LOCALAPPDATA") if is_windows else ("HOME",)
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            **dict.fromkeys(homes, str(_emptied(self.scratch / "home"))),
            **dict.fromkeys(("TEMP", "TMP") if is_windows else ("TMPDIR",), str(_emptied(self.temporary_folder))),
            **self.variables,
        }

    @property
    def temporary_folder(self) -> Path:
        return self.scratch / "tmp"

    def written_files(self, command: Sequence[str]) -> int:
        """The number of files that a start of `command` writes.

        Counted by strace where it works, else by looking into the temporary folder all the time.
        """
        folder = prepare_folder(self.benchmarks, self.scratch / "work")
        if can_trace(self.scratch):
            log = self.scratch / "strace.log"
            traced = ["strace", "-f", "-qq", "-e", f"trace={_CREATING_CALLS}", "-o", str(log), *command]
            finished = observe(
                traced, cwd=folder, environment=self.environment(), timeout_seconds=START_TIMEOUT_SECONDS
            )
            finished.require_success()
            return len(created_files(log.read_text(encoding="utf-8", errors="replace").splitlines()))
        environment = self.environment()
        with watching(self.temporary_folder) as seen:
            finished = observe(command, cwd=folder, environment=environment, timeout_seconds=START_TIMEOUT_SECONDS)
        finished.require_success()
        return len(seen)


def can_trace(folder: Path) -> bool:
    """Whether strace is installed and may trace; containers often forbid it."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    probe = [strace, "-qq", "-o", os.devnull, strace, "--version"]
    return observe(probe, cwd=folder, environment=os.environ, timeout_seconds=START_TIMEOUT_SECONDS).code == 0


def created_files(lines: Sequence[str]) -> set[str]:
    """The files that were created, in lines that `strace -f` printed, without devices."""
    found = set()
    for line in lines:
        match = _CREATED.search(line)
        if match is None or " = -1 " in line:
            continue
        path, rest = match.groups()
        if ("creat(" in line or "O_CREAT" in rest) and not path.startswith(("/dev/", "/proc/")):
            found.add(path)
    return found


@contextmanager
def watching(folder: Path) -> Iterator[set[Path]]:
    """Collect every file that exists in a folder at any time during the block, as far as looking is fast enough."""
    seen: set[Path] = set()
    is_done = threading.Event()

    def look() -> None:
        is_last = False
        while not is_last:
            # What's left at the end is seen too.
            is_last = is_done.is_set()
            # A folder may disappear while it's read; os.walk ignores that.
            seen.update(Path(parent, name) for parent, _, names in os.walk(folder) for name in names)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        is_done.set()
        watcher.join()


def _seconds_until(args: Sequence[str], text: str, folder: Path, environment: Mapping[str, str]) -> float:
    begun = time.monotonic()
    with started(args, cwd=folder, environment=environment, timeout_seconds=START_TIMEOUT_SECONDS) as program:
        lines = []
        for line in program.lines():
            lines.append(line)
            if text in line:
                break
        else:
            raise CommandFailedError(args, f"ended without printing {text!r}", "\n".join(lines))
        seconds = time.monotonic() - begun
        # Its output has to be read, or it would block. A killed one would leave its unpacked files.
        rest = program.read_rest()
        code = program.wait()
    if code != 0:
        raise CommandFailedError(args, f"failed with exit code {code}", "\n".join([*lines, rest]))
    return seconds


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
