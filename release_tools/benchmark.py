"""Compares the start-up time of this machine's newest archive with that of its source (`nox -s bench`).

Both run each command in turn, so that other load on the machine slows down both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from release_tools.archives import unpack_archive
from release_tools.bootstrap.environment import ISOLATED, environment_python
from release_tools.errors import NothingToMeasureError
from release_tools.platforms import Platform
from release_tools.processes.run import changed_environment, observe
from release_tools.settings import ReleaseSettings

ROUNDS: Final = 7
START_TIMEOUT_SECONDS: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Median seconds of a command, frozen and from source."""

    command: Sequence[str]
    frozen: float
    source: float

    @property
    def ratio(self) -> float:
        return self.frozen / self.source


def run_benchmark(settings: ReleaseSettings, platform: Platform, console: Console) -> tuple[Comparison, ...]:
    """Compare `--version` and the smoke commands of the newest archive with its build environment.

    Raises `NothingToMeasureError` without a build, and `CommandFailedError` if a command fails.
    """
    archive = newest_archive(settings, platform)
    folder = settings.build_folder(platform.name)
    name = f"{settings.executable}{platform.executable_suffix}"
    source = environment_python(folder / "environment").with_name(name)
    if not source.is_file():
        raise NothingToMeasureError(platform.name)
    commands = (("--version",), *settings.smoke_commands)
    with TemporaryDirectory(prefix="benchmark-", dir=folder) as scratch, console.status("") as status:
        unpacked = Path(scratch, "unpacked")
        unpack_archive(archive, unpacked)
        comparisons = compare(unpacked / name, source, commands, unpacked, on_command=status.update)
    print_comparisons(f"{archive.name}, median of {ROUNDS} alternating runs", comparisons, console)
    return comparisons


def newest_archive(settings: ReleaseSettings, platform: Platform) -> Path:
    """The newest archive of this platform in `dist/`. Raises `NothingToMeasureError` if there is none."""
    pattern = f"{settings.executable}-*-{platform.name}{platform.archive_suffix}"
    archives = sorted(settings.dist_folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not archives:
        raise NothingToMeasureError(platform.name)
    return archives[-1]


def compare(
    frozen: Path, source: Path, commands: Sequence[Sequence[str]], folder: Path, on_command: Callable[[str], None]
) -> tuple[Comparison, ...]:
    """Time each command on both programs, in turn; the first round only warms the caches."""
    environment = changed_environment(ISOLATED)
    comparisons = []
    for command in commands:
        on_command(" ".join(command))
        seconds: Mapping[Path, list[float]] = {frozen: [], source: []}
        for _ in range(ROUNDS + 1):
            for program, taken in seconds.items():
                taken.append(_timed([str(program), *command], folder, environment))
        comparisons.append(
            Comparison(command=tuple(command), frozen=median(seconds[frozen][1:]), source=median(seconds[source][1:]))
        )
    return tuple(comparisons)


def print_comparisons(title: str, comparisons: Sequence[Comparison], console: Console) -> None:
    """Print a table with a row per command."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("command", no_wrap=True)
    for name in ("frozen s", "source s", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    for comparison in comparisons:
        figures = (comparison.frozen, comparison.source, comparison.ratio)
        table.add_row(" ".join(comparison.command), *(f"{figure:.2f}" for figure in figures))
    console.print(table)


def _timed(args: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    finished = observe(args, cwd=folder, environment=environment, timeout_seconds=START_TIMEOUT_SECONDS)
    finished.require_success()
    return finished.seconds
