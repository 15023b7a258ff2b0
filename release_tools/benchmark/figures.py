"""What a benchmark measures: raw figures, their medians, ratios and goals."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

from release_tools.errors import BenchmarkResultsError

Unit = Literal["bytes", "files", "s"]

_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Series:
    """The figures of one program or build, in the order in which they were measured."""

    name: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """The largest figure that reaches the goal: a ratio to plain PyInstaller's, or an absolute one."""

    limit: float
    is_ratio: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was measured of this library's build and of plain PyInstaller's.

    `plain` is None if plain PyInstaller's build fails at it; `note` says why. `floors` are what the figure could be at
    best, measured in the same turns, and `peers` are other tools' builds.
    """

    key: str
    title: str
    unit: Unit
    own: Series
    plain: Series | None
    goal: Goal | None = None
    floors: tuple[Series, ...] = ()
    peers: tuple[Series, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The ratio of the medians; None without plain PyInstaller's figure, or if that's zero."""
        return self.own.median / self.plain.median if self.plain and self.plain.median else None

    @property
    def is_goal_reached(self) -> bool | None:
        """None without a goal, and for a ratio that there isn't."""
        if self.goal is None:
            return None
        figure = self.ratio if self.goal.is_ratio else self.own.median
        return None if figure is None else figure <= self.goal.limit

    def shown(self, value: float) -> str:
        """A figure of this row as text."""
        match self.unit:
            case "bytes":
                return f"{value / _MEGABYTE:.1f} MB"
            case "files":
                return f"{value:.0f}"
            case "s":
                return f"{value:.3f} s" if value < 1 else f"{value:.1f} s"

    @property
    def series(self) -> tuple[Series, ...]:
        """Everything that was measured."""
        return (self.own, *([self.plain] if self.plain else []), *self.floors, *self.peers)

    @property
    def shown_ratio(self) -> str:
        return "-" if self.ratio is None else f"{self.ratio:.2f}"

    @property
    def shown_goal(self) -> str:
        if self.goal is None:
            return ""
        limit = f"{self.goal.limit:g}" if self.goal.is_ratio else self.shown(self.goal.limit)
        return f"at most {limit}"


def by_turns(
    measures: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: bool = True
) -> dict[str, tuple[float, ...]]:
    """Measure each in turn, so that other load on the machine slows down all of them; figures by name.

    The order is reversed in every second round. With `warm_up`, a first round fills the caches and is dropped.
    """
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds + warm_up):
        names = [*measures] if number % 2 == 0 else [*measures][::-1]
        for name in names:
            figures[name].append(measures[name]())
    return {name: tuple(values[warm_up:]) for name, values in figures.items()}


def series_of(figures: Mapping[str, Sequence[float]], names: Sequence[str]) -> tuple[Series, ...]:
    """The series with these names that there are."""
    return tuple(Series(name=name, values=tuple(figures[name])) for name in names if figures.get(name))


def write_rows(path: Path, subject: str, rows: Sequence[Row]) -> None:
    """Write rows, and what was measured, so that a later run of other parts can add to them."""
    content = {"subject": subject, "rows": [dataclasses.asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def read_rows(path: Path, subject: str) -> tuple[Row, ...]:
    """The rows that were measured of the same subject; none without such a file.

    Raises `BenchmarkResultsError` if the file isn't what `write_rows` writes.
    """
    if not path.is_file():
        return ()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return tuple(map(_row, content["rows"])) if content["subject"] == subject else ()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkResultsError(path, str(error)) from None


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        **{
            **row,
            "own": _series(row["own"]),
            "plain": _series(row["plain"]) if row["plain"] else None,
            "goal": Goal(**row["goal"]) if row["goal"] else None,
            "floors": tuple(map(_series, row["floors"])),
            "peers": tuple(map(_series, row["peers"])),
        }
    )


def _series(series: Mapping[str, Any]) -> Series:
    return Series(name=series["name"], values=tuple(series["values"]))
