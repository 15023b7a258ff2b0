"""The benchmark's results as a table in the terminal, and as a Markdown document."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from release_tools.benchmark.figures import Row, Series
from release_tools.reporting.markdown import code_span, escape_markdown, markdown_table
from release_tools.reporting.output import print_plain

_WRITTEN: Final = "[`nox -s bench`](building.md#compare-with-plain-pyinstaller) writes this page."

_HOW: Final = """\
## How it's measured

`nox -s bench` clones the commit, builds it with this library and with `pyinstaller --onefile`, and runs both by turns,
so that other load on the machine slows down both. The first round of starts only fills caches and is dropped; a figure
is the median of the others. Both builds have the same dependencies, from the same lock and with the same Python. Plain
PyInstaller's build time is that of its command alone, in a finished environment; this library's is that of all of
`nox -s build`, with its environments and the whole verification.

Each start has a new working folder, an empty home and an empty temporary folder. `from source` is the command that pip
installs, in the environment that was frozen.
"""


def machine_facts(rounds: int, build_rounds: int) -> tuple[tuple[str, str], ...]:
    """What the figures depend on besides the code, each with its name. Called before anything is measured."""
    processors = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    is_busy = load > processors / 2
    return (
        ("machine", f"{_processor()}, {processors} processors"),
        ("system", platform.platform(terse=True)),
        ("Python", platform.python_version()),
        ("PyInstaller", version("pyinstaller")),
        ("date", datetime.now(UTC).date().isoformat()),
        ("rounds", f"{rounds} of starts, {build_rounds} of builds"),
        *([("load", f"{load:.1f} before the first measurement: the machine was busy")] if is_busy else []),
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def print_rows(title: str, rows: Sequence[Row], console: Console) -> None:
    """Print a table with a row per figure."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("figure")
    for name in ("release-tools", "plain", "ratio", "goal", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for row in (row for row in rows if not row.peers):
        table.add_row(row.title.replace("`", ""), *_cells(row), _verdict(row))
    console.print(table, markup=False)
    for row in rows:
        lines = [_medians(row, row.series)] if row.peers else _floor_lines(row)
        for line in [*lines, *([row.note] if row.note else [])]:
            print_plain(console, f"{row.title}: {line}".replace("`", ""))


def _cells(row: Row) -> list[str]:
    return [
        row.shown(row.own.median),
        row.shown(row.plain.median) if row.plain else "fails",
        row.shown_ratio,
        row.shown_goal,
    ]


def _verdict(row: Row) -> str:
    return {None: "", True: "reached", False: "not reached"}[row.is_goal_reached]


def _floor_lines(row: Row) -> list[str]:
    """What the figure of a goal that isn't reached could be at best."""
    if row.is_goal_reached is not False or not row.floors:
        return []
    return [_medians(row, row.floors)]


def _medians(row: Row, series: Sequence[Series]) -> str:
    return ", ".join(f"{one.name} {row.shown(one.median)}" for one in series)


def write_document(path: Path, subject: str, facts: Sequence[tuple[str, str]], rows: Sequence[Row]) -> None:
    """Write the Markdown document."""
    path.write_text(document(subject, facts, rows), encoding="utf-8", newline="\n")


def document(subject: str, facts: Sequence[tuple[str, str]], rows: Sequence[Row]) -> str:
    """The Markdown text: the table, the goals that aren't reached, the raw figures, and how they were measured."""
    compared = [row for row in rows if not row.peers]
    table = markdown_table(
        ("figure", "release-tools", "plain PyInstaller", "ratio", "goal", "reached"),
        "lrrrll",
        ([row.title, *_cells(row), {None: "", True: "yes", False: "no"}[row.is_goal_reached]] for row in compared),
    )
    missed = "".join(f"- {row.title}: {line}.\n" for row in compared for line in _floor_lines(row))
    sections = [
        f"# Benchmarks\n\n{code_span(subject)}, beside plain `pyinstaller --onefile`. {_WRITTEN}\n",
        markdown_table(("", ""), "ll", ([name, code_span(value)] for name, value in facts)),
        f"## Results\n\n{table}",
        *([f"## Goals that aren't reached\n\nWhat was measured beside them:\n\n{missed}"] if missed else []),
        *(_peer_section(row) for row in rows if row.peers),
        f"## Raw figures\n\n{_raw_table(rows)}",
        _HOW,
    ]
    return "\n".join(sections)


def _peer_section(row: Row) -> str:
    table = markdown_table(("build", row.title), "lr", ([one.name, row.shown(one.median)] for one in row.series))
    return f"## Other tools\n\n{table}" + (f"\n{escape_markdown(row.note)}\n" if row.note else "")


def _raw_table(rows: Sequence[Row]) -> str:
    lines = [[row.title, one.name, _values(row, one)] for row in rows for one in row.series]
    return markdown_table(("figure", "of", "values"), "lll", lines)


def _values(row: Row, series: Series) -> str:
    texts = {"bytes": "{:,.0f}", "files": "{:.0f}", "s": "{:.3f}"}
    values = ", ".join(texts[row.unit].format(value) for value in series.values)
    return f"{values} ({escape_markdown(row.note)})" if row.note and series is row.own and not row.peers else values
