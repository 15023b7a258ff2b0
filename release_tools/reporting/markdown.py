"""The records of builds as Markdown: for the job summary, for the release notes, and for a file in a repository.

Called by the pipeline with the one record of its build, and by `report` with those of several.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from release_tools.bootstrap.stages import STAGES
from release_tools.platforms import platform_names
from release_tools.releasing.errors import ReportOutputError
from release_tools.reporting.plot import Chart, Line, drawn
from release_tools.reporting.records import BuildRecord
from release_tools.reporting.tables import facts, first_line, megabytes
from release_tools.versions import DEV

_HEADINGS: Final = ("platform", "version", "download", "unpacked", "start-up", "built in", "Python", "checks")
NOT_MEASURED: Final = "not measured"
_FEWEST_RELEASES: Final = 2


def records_table(records: Sequence[BuildRecord]) -> str:
    """One row per record, in the given order, as a Markdown table that ends in a newline."""
    rows = [
        (
            record.platform,
            record.exact_version,
            megabytes(record.archive_bytes),
            megabytes(record.executable_bytes),
            NOT_MEASURED if record.start_up_seconds is None else f"{record.start_up_seconds:.2f} s",
            f"{sum(record.stages.values()):.0f} s",
            record.python,
            _checks_in_short(record),
        )
        for record in records
    ]
    return _table(_HEADINGS, "llrrrrll", rows)


def stages_table(records: Sequence[BuildRecord]) -> str:
    """The seconds of every stage, one row per record, as a Markdown table that ends in a newline."""
    stages = [stage for stage in STAGES if any(stage in record.stages for record in records)]
    rows = [
        (record.platform, record.exact_version, *(_seconds(record.stages.get(stage)) for stage in stages))
        for record in records
    ]
    return _table(("seconds", "version", *stages), "ll" + "r" * len(stages), rows)


def left_out_list(records: Sequence[BuildRecord]) -> str:
    """What was not checked and why, and what failed, as a Markdown list; empty when every check passed."""
    lines: dict[str, list[BuildRecord]] = {}
    for record in records:
        for check in record.checks:
            if check.verdict != "passed":
                line = f"{_code(check.name)} {check.verdict}: {_code(first_line(check))}"
                lines.setdefault(line, []).append(record)
    return "".join(f"- {line}{_builds_in_short(builds, records)}\n" for line, builds in lines.items())


def records_report(records: Sequence[BuildRecord]) -> str:
    """All that the records tell: sizes, times, checks, stages, and what was skipped or failed."""
    parts = [
        f"# Builds of {_names(records)}\n",
        records_table(records),
        "## Seconds per stage\n",
        stages_table(records),
    ]
    left_out = left_out_list(records)
    if left_out:
        parts += ["## Checks that were skipped or failed\n", left_out]
    return "\n".join(parts)


def releases_plot(records: Sequence[BuildRecord]) -> str | None:
    """Size and start-up of the releases among the records as an SVG file's text; None for fewer than two of them.

    `records` as `read_records` returns them, newest first.
    """
    released = [record for record in reversed(records) if record.version != DEV and record.verdict == "verified"]
    versions = tuple(dict.fromkeys(record.exact_version for record in released))
    if len(versions) < _FEWEST_RELEASES:
        return None

    def lines(measured: Callable[[BuildRecord], float | None]) -> tuple[Line, ...]:
        found = {(record.platform, record.exact_version): measured(record) for record in released}
        return tuple(
            Line(name=platform, values=tuple(found.get((platform, version)) for version in versions))
            for platform in platform_names()
            if any(record.platform == platform for record in released)
        )

    sizes = Chart(
        title="Size of the archive",
        measured="download",
        unit="MB",
        lines=lines(lambda record: round(record.archive_bytes / 1_000_000, 2)),
    )
    starts = Chart(
        title="Time that --version takes, the best of a few starts",
        measured="start-up",
        unit="seconds",
        lines=lines(lambda record: record.start_up_seconds),
    )
    return drawn(f"{_names(released)}, release by release", versions, "version", (sizes, starts))


def write_report(records: Sequence[BuildRecord], output: Path) -> tuple[Path, ...]:
    """Write the report as Markdown and, where there are two releases to compare, their plot beside it; returns both.

    Raises `ReportOutputError` when a file cannot be written.
    """
    plot_path = output.with_suffix(".svg")
    if output.suffix != ".md":
        raise ReportOutputError(output, "is not the name of a Markdown file")
    plot = releases_plot(records)
    report = records_report(records)
    if plot:
        report += f"\n## Releases compared\n\n![Size and start-up of each release](<{plot_path.name}>)\n"
    texts = {output: report, **({plot_path: plot} if plot else {})}
    try:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ReportOutputError(output, f"cannot be written: {error.strerror or error}") from None
    return tuple(texts)


def markdown_report(record: BuildRecord) -> str:
    """One build: a heading, its row of the table, the facts, and every check with its figure."""
    rows = [
        (_code(check.name), check.verdict, _code(first_line(check)), f"{check.seconds:.1f}") for check in record.checks
    ]
    parts = [
        f"### {record.archive}: {record.verdict}\n",
        records_table([record]),
        "".join(f"- {name}: {_code(value)}\n" for name, value in facts(record)),
        _table(("check", "verdict", "figure", "seconds"), "lllr", rows),
    ]
    return "\n".join(parts) + "\n"


def write_job_summary(record: BuildRecord) -> None:
    """Append the report to GitHub's job summary, where there is one."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8", newline="\n") as file:
            file.write(markdown_report(record))


def _checks_in_short(record: BuildRecord) -> str:
    counts = [
        f"{count} {verdict}"
        for verdict in ("passed", "skipped", "failed")
        if (count := sum(check.verdict == verdict for check in record.checks))
    ]
    return ", ".join(counts) or "none"


def _builds_in_short(builds: Sequence[BuildRecord], records: Sequence[BuildRecord]) -> str:
    if len(builds) == len(records):
        return "" if len(records) == 1 else " (every build)"
    return f" ({', '.join(f'{build.platform} {build.exact_version}' for build in builds)})"


def _names(records: Sequence[BuildRecord]) -> str:
    return " and ".join(sorted({record.app for record in records}))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _table(headings: Sequence[str], alignment: str, rows: Iterable[Sequence[str]]) -> str:
    rulers = ["---:" if letter == "r" else "---" for letter in alignment]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (headings, rulers, *rows))


def _code(text: str) -> str:
    """Text that a build measured, as code on one line: no markup, link or mention of a person works in there.

    A span ends at a run of as many backticks as it began with (https://spec.commonmark.org/0.31.2/#code-spans). A pipe
    ends a table's cell even there, and what escapes it depends on the reader, so that text with one is HTML instead.
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if "|" in line:
        return f"<code>{re.sub('[^A-Za-z0-9 ]', lambda found: f'&#{ord(found[0])};', line)}</code>"
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}" if line else ""
