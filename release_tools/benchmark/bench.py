"""Measures the app's build with this library beside plain PyInstaller's, by turns, and reports medians and ratios.

`bootstrap.bench` has created the environments. Everything is in one folder, `build/<platform>/benchmark`.
"""

import lzma
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from release_tools.archives import EXECUTABLE_MODE, FILE_MODE, Member, newest_archive, unpack_archive, write_archive
from release_tools.benchmark.builds import (
    PLAIN,
    OwnBuild,
    PeerBuild,
    PlainBuild,
    build_with_cx_freeze,
    build_with_shiv,
)
from release_tools.benchmark.document import machine_facts, print_rows, write_document
from release_tools.benchmark.figures import Goal, Row, Series, Unit, by_turns, read_rows, series_of, write_rows
from release_tools.benchmark.scenarios import GOALS, VERSION, AppBenchmarks, Scenario, read_benchmarks, running_service
from release_tools.benchmark.starts import Starter, can_trace
from release_tools.bootstrap.bench import PARTS
from release_tools.bootstrap.environment import environment_python
from release_tools.errors import CommandFailedError, NothingToMeasureError
from release_tools.platforms import Platform
from release_tools.reporting.file_size import format_size
from release_tools.reporting.output import print_plain
from release_tools.repository import Commit
from release_tools.settings import ReleaseSettings

DOCUMENT: Final = "docs/benchmarks.md"

_OWN: Final = "release-tools"
_SOURCE: Final = "from source"
_PYTHON: Final = "CPython alone"
_EMPTY: Final = "PyInstaller with an empty app"
_NOX: Final = "Nox alone"
_XZ: Final = "the same files as tar.xz"
_NOTHING: Final = Scenario(name="", command=())


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A run of the benchmark: what to measure, how often, and where."""

    root: Path
    settings: ReleaseSettings
    platform: Platform
    commit: Commit
    parts: tuple[str, ...]
    rounds: int
    build_rounds: int
    nox_python: Path
    plain_python: Path
    peers_python: Path | None
    beside: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.settings.build_folder(self.platform.name) / "benchmark"

    @property
    def own(self) -> OwnBuild:
        return OwnBuild(
            clone=self.folder / "clone", nox_python=self.nox_python, settings=self.settings, platform=self.platform
        )

    def plain(self, benchmarks: AppBenchmarks) -> PlainBuild:
        return PlainBuild(
            folder=self.folder / "plain",
            python=self.plain_python,
            settings=self.settings,
            platform=self.platform,
            options=benchmarks.plain_options,
        )


def run_benchmark(bench: Bench, console: Console) -> tuple[Row, ...]:
    """Measure the chosen parts, print them, and write the document once every part was measured at this commit.

    Raises `SettingsError`, `PlainBuildError`, `CommandFailedError` if a build or a start fails, and
    `NothingToMeasureError`.
    """
    benchmarks = read_benchmarks(bench.settings)
    results = bench.folder / "results.json"
    subject = f"{bench.settings.executable} {bench.settings.project_version} at {bench.commit.sha}"
    earlier = {row.key: row for row in read_rows(results, subject)}
    facts = machine_facts(bench.rounds, bench.build_rounds)
    measured: list[Row] = []

    def report(text: str) -> None:
        print_plain(console, f"bench: {text}")

    if "build" in bench.parts:
        measured += measure_builds(bench, benchmarks, report)
    plain = ensure_plain(bench, benchmarks, report)
    own_dist = bench.own.clone / "dist"
    folders = [own_dist] if "build" in bench.parts else [bench.settings.dist_folder, own_dist]
    archive = newest_archive(folders, bench.settings.executable, bench.platform)
    with TemporaryDirectory(prefix="scratch-", dir=bench.folder) as scratch:
        programs = Programs.unpack(bench, plain, archive, Path(scratch))
        starter = Starter(benchmarks=benchmarks, platform=bench.platform, scratch=Path(scratch), variables={})
        if "size" in bench.parts:
            measured += measure_sizes(bench, programs, archive)
        if "files" in bench.parts:
            measured.append(measure_files(programs, starter))
        if "start" in bench.parts or "peers" in bench.parts:
            peers = build_peers(bench, report) if "peers" in bench.parts else ()
            with running_service(benchmarks, starter.environment()) as variables:
                starter = replace(starter, variables=variables)
                if "start" in bench.parts:
                    measured += measure_starts(bench, programs, starter, report)
                if peers:
                    measured += measure_peers(bench, programs, starter, peers, report)
    rows = _in_order([*{**earlier, **{row.key: with_goal(row, benchmarks) for row in measured}}.values()], benchmarks)
    write_rows(results, subject, rows)
    print_rows(f"{archive.name}, medians", rows, console)
    missing = [part for part in PARTS if part not in bench.parts and not _has_part(part, earlier)]
    if missing:
        report(f"{DOCUMENT} is written when all parts were measured; missing: {', '.join(missing)}")
        return rows
    path = bench.root / DOCUMENT
    path.parent.mkdir(exist_ok=True)
    write_document(path, subject, facts, rows)
    report(f"wrote {DOCUMENT}")
    return rows


def _has_part(part: str, rows: Mapping[str, Row]) -> bool:
    sample = {"build": "cold-build", "size": "disk", "start": "version", "files": "files", "peers": "peers"}
    return sample[part] in rows


def _in_order(rows: Sequence[Row], benchmarks: AppBenchmarks) -> tuple[Row, ...]:
    order = ["download", "disk", "version", *(one.name for one in benchmarks.scenarios), *GOALS, "peers"]
    known = [row for row in rows if row.key in order]
    return tuple(sorted(known, key=lambda row: order.index(row.key)))


def with_goal(row: Row, benchmarks: AppBenchmarks) -> Row:
    """The row with the goal that the app's settings have for it."""
    limits = {**benchmarks.goals, **{one.name: one.goal for one in benchmarks.scenarios if one.goal is not None}}
    if row.key not in limits:
        return row
    return replace(row, goal=Goal(limit=limits[row.key], is_ratio=GOALS.get(row.key, True)))


def measure_builds(bench: Bench, benchmarks: AppBenchmarks, report: Callable[[str], None]) -> list[Row]:
    """Build both ways: from nothing, again with nothing changed, and after a changed line.

    The last builds are those of the commit: a line that changes back is a changed line, too.
    """
    own, plain = bench.own, bench.plain(benchmarks)
    figures: dict[str, dict[str, list[float]]] = {
        key: {_OWN: [], PLAIN: [], _NOX: []} for key in ("cold-build", "unchanged", "changed-line")
    }
    stages: dict[str, list[Mapping[str, float]]] = {"cold-build": [], "changed-line": []}
    builds: Mapping[str, OwnBuild | PlainBuild] = {_OWN: own, PLAIN: plain}
    for number in range(1, bench.build_rounds + 1):
        names = [*builds] if number % 2 else [*builds][::-1]
        for build in builds.values():
            build.delete_output()
        for key in figures:
            for name in names:
                report(f"build {number} of {bench.build_rounds}: {key}, {name}")
                if key == "changed-line":
                    builds[name].change_line(number)
                figures[key][name].append(builds[name].seconds())
            if key in stages:
                stages[key].append(own.stage_seconds())
        figures["unchanged"][_NOX].append(own.nox_seconds())
    for name, build in builds.items():
        report(f"build of the commit: changed-line, {name}")
        build.change_line(None)
        figures["changed-line"][name].append(build.seconds())
    titles = {
        "cold-build": "cold build, verified",
        "changed-line": "rebuild after one changed line, verified",
        "unchanged": "rebuild with nothing changed",
    }
    for key, recorded in stages.items():
        figures[key] |= {name: [stage[name] for stage in recorded if name in stage] for name in recorded[0]}
    floors = {key: (*recorded[0],) for key, recorded in stages.items()}
    return [_row(key, titles[key], "s", figures[key], floors=floors.get(key, (_NOX,))) for key in titles]


def ensure_plain(bench: Bench, benchmarks: AppBenchmarks, report: Callable[[str], None]) -> PlainBuild:
    """The plain build of this commit, built now unless it exists."""
    plain = bench.plain(benchmarks)
    stamp = plain.folder / "built-from"
    built_from = f"{bench.commit.sha} {' '.join(plain.options)}"
    is_current = stamp.is_file() and stamp.read_text(encoding="utf-8") == built_from
    if "build" in bench.parts:
        stamp.write_text(built_from, encoding="utf-8")
    elif not is_current or not plain.executable.is_file():
        report(f"building with {PLAIN}")
        plain.delete_output()
        plain.seconds()
        stamp.write_text(built_from, encoding="utf-8")
    if not plain.empty_executable.is_file():
        plain.build_empty()
    return plain


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The programs that are compared. `source` and `python` are those of the build's environment."""

    own: Path
    plain: Path
    empty: Path
    source: Path
    python: Path

    @classmethod
    def unpack(cls, bench: Bench, plain: PlainBuild, archive: Path, scratch: Path) -> "Programs":
        """Unpack the archive. Raises `NothingToMeasureError` without the environment that it was built from."""
        name = plain.executable.name
        unpack_archive(archive, scratch / "own")
        # dist/ and build/ are in one folder.
        python = environment_python(archive.parents[1] / "build" / bench.platform.name / "environment")
        source = python.with_name(name)
        if not source.is_file():
            raise NothingToMeasureError(bench.platform.name)
        return cls(
            own=scratch / "own" / name,
            plain=plain.executable,
            empty=plain.empty_executable,
            source=source,
            python=python,
        )


def measure_sizes(bench: Bench, programs: Programs, archive: Path) -> list[Row]:
    """The bytes of both archives, with the same licences, and of both executables."""
    with TemporaryDirectory(prefix="archive-", dir=bench.folder) as folder:
        plain_archive = Path(folder, archive.name)
        licences = [path for path in sorted(programs.own.parent.iterdir()) if path != programs.own]
        members = [Member(name=programs.plain.name, path=programs.plain, mode=EXECUTABLE_MODE)]
        members += [Member(name=path.name, path=path, mode=FILE_MODE) for path in licences]
        write_archive(plain_archive, members, 0)
        downloads = {
            _OWN: [archive.stat().st_size],
            PLAIN: [plain_archive.stat().st_size],
            _XZ: [len(lzma.compress(programs.own.read_bytes()))],
        }
    disk = {
        _OWN: [programs.own.stat().st_size],
        PLAIN: [programs.plain.stat().st_size],
        "the archive to download": [archive.stat().st_size],
    }
    return [
        _row("download", f"download (`{bench.platform.archive_suffix}`)", "bytes", downloads, floors=(_XZ,)),
        _row("disk", "on disk", "bytes", disk, floors=("the archive to download",)),
    ]


def measure_files(programs: Programs, starter: Starter) -> Row:
    """The files that a start of `--version` writes."""
    how = "counted by strace" if can_trace(starter.scratch) else "counted by watching the temporary folder"
    commands = {_OWN: [str(programs.own), "--version"], _EMPTY: [str(programs.empty)]}
    failure = _failure(_measure(starter, [str(programs.plain)], VERSION))
    if not failure:
        commands[PLAIN] = [str(programs.plain), "--version"]
    files = {name: [starter.written_files(command)] for name, command in commands.items()}
    title = "files written by a start of `--version`"
    return _row("files", title, "files", files, floors=(_EMPTY,), note=failure or how)


def measure_starts(bench: Bench, programs: Programs, starter: Starter, report: Callable[[str], None]) -> list[Row]:
    """The seconds of `--version` and of the app's scenarios."""
    rows = []
    for scenario in (VERSION, *starter.benchmarks.scenarios):
        report(f"start: {scenario.name}")
        commands = {_OWN: [str(programs.own)], PLAIN: [str(programs.plain)], _SOURCE: [str(programs.source)]}
        measures = {name: _measure(starter, command, scenario) for name, command in commands.items()}
        # What plain PyInstaller breaks is a result too.
        failure = _failure(measures[PLAIN])
        if failure:
            report(f"{scenario.name}, {PLAIN}: {failure}")
            del measures[PLAIN]
        if scenario is VERSION:
            measures[_EMPTY] = _measure(starter, [str(programs.empty)], _NOTHING)
            measures[_PYTHON] = _measure(starter, [str(programs.python), "-I", "-c", "pass"], _NOTHING)
        figures = by_turns(measures, bench.rounds)
        key = "version" if scenario is VERSION else scenario.name
        rows.append(_row(key, scenario.name, "s", figures, floors=(_SOURCE, _EMPTY, _PYTHON), note=failure))
    return rows


def build_peers(bench: Bench, report: Callable[[str], None]) -> tuple[PeerBuild, ...]:
    """Build with the other tools."""
    if bench.peers_python is None:
        return ()
    report("building with cx_Freeze and shiv")
    environment = bench.own.build_folder / "environment"
    if not environment.is_dir():
        environment = bench.settings.build_folder(bench.platform.name) / "environment"
    folder = bench.folder / "peers"
    return (
        build_with_cx_freeze(bench.peers_python, bench.settings, bench.platform, folder / "cx_Freeze"),
        build_with_shiv(bench.peers_python, environment, bench.settings, folder / "shiv"),
    )


def measure_peers(
    bench: Bench, programs: Programs, starter: Starter, peers: Sequence[PeerBuild], report: Callable[[str], None]
) -> list[Row]:
    """Start every peer with `--version`, beside this library's executable; programs on the PATH too."""
    commands = {_OWN: [str(programs.own)], PLAIN: [str(programs.plain)]}
    commands |= {peer.name: [*peer.command] for peer in peers}
    commands |= {name: [found] for name in bench.beside if (found := shutil.which(name))}
    measures = {name: _measure(starter, command, VERSION) for name, command in commands.items()}
    notes = [f"{peer.name}'s output has {format_size(_size_of(peer.output))}" for peer in peers]
    for name in [*measures][1:]:
        failure = _failure(measures[name])
        if failure:
            report(f"{name} is left out: {failure}")
            notes.append(f"{name} is left out: {failure}")
            del measures[name]
    figures = by_turns(measures, bench.rounds)
    names = [name for name in measures if name not in {_OWN, PLAIN}]
    return [_row("peers", "`--version`, beside other tools", "s", figures, peers=names, note="; ".join(notes))]


def _size_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def _failure(measure: Callable[[], float]) -> str:
    """Why it fails; "" if it doesn't."""
    try:
        measure()
    except CommandFailedError as error:
        # The bootloader's own line says less than Python's.
        lines = [line for line in error.output.splitlines() if line.strip() and not line.startswith("[PYI-")]
        return f"{error.outcome}: {lines[-1].strip()}" if lines else error.outcome
    return ""


def _measure(starter: Starter, command: Sequence[str], scenario: Scenario) -> Callable[[], float]:
    return lambda: starter.seconds(command, scenario)


def _row(
    key: str,
    title: str,
    unit: Unit,
    figures: Mapping[str, Sequence[float]],
    *,
    floors: Sequence[str] = (),
    peers: Sequence[str] = (),
    note: str = "",
) -> Row:
    return Row(
        key=key,
        title=title,
        unit=unit,
        own=Series(name=_OWN, values=tuple(figures[_OWN])),
        plain=Series(name=PLAIN, values=tuple(figures[PLAIN])) if PLAIN in figures else None,
        floors=series_of(figures, floors),
        peers=series_of(figures, peers),
        note=note,
    )
