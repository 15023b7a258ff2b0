"""Reports on builds from their records, as Markdown: `invoke report`, job summaries, and the table in release notes."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from release_tools.bootstrap.stages import STAGES
from release_tools.errors import ReportOutputError
from release_tools.platforms import platform_names
from release_tools.reporting.file_size import format_size
from release_tools.reporting.markdown import code_span, markdown_table
from release_tools.reporting.plot import Chart, Line, plot_svg
from release_tools.reporting.records import BuildRecord
from release_tools.reporting.tables import facts, note_lines, shared_causes
from release_tools.reporting.validation import validation_report
from release_tools.versions import DEV

_HEADINGS: Final = ("platform", "version", "download", "unpacked", "start-up", "built in", "Python", "checks", "tried")
_NOT_MEASURED: Final = "not measured"
_UNKNOWN: Final = "unknown"
_MIN_PLOTTED_RELEASES: Final = 2


def records_table(records: Sequence[BuildRecord]) -> str:
    """A table with one row per record, in the given order."""
    rows = [
        (
            record.platform,
            record.exact_version,
            format_size(record.archive_bytes),
            format_size(record.executable_bytes),
            _NOT_MEASURED if record.start_up_seconds is None else f"{record.start_up_seconds:.2f} s",
            f"{sum(record.stages.values()):.0f} s",
            record.python,
            _verdict_counts(record),
            record.proof.level if record.proof else _UNKNOWN,
        )
        for record in records
    ]
    return markdown_table(_HEADINGS, "llrrrrlll", rows)


def stages_table(records: Sequence[BuildRecord]) -> str:
    """A table of the seconds that each stage took, with one row per record."""
    stages = [stage for stage in STAGES if any(stage in record.stages for record in records)]
    rows = [
        (record.platform, record.exact_version, *(_seconds(record.stages.get(stage)) for stage in stages))
        for record in records
    ]
    return markdown_table(("seconds", "version", *stages), "ll" + "r" * len(stages), rows)


def skips_and_failures(records: Sequence[BuildRecord]) -> str:
    """A list of the checks that were skipped or failed, and why; "" when all passed."""
    lines: dict[str, list[BuildRecord]] = {}
    for record in records:
        for check in record.checks:
            if check.verdict != "passed":
                line = f"{code_span(check.name)} {check.verdict}: {code_span(check.summary)}"
                lines.setdefault(line, []).append(record)
    return "".join(f"- {line}{_build_names(builds, records)}\n" for line, builds in lines.items())


def records_report(records: Sequence[BuildRecord]) -> str:
    """The report of `invoke report`: sizes, times, checks, stages, and what was skipped or failed."""
    parts = [
        f"# Builds of {_app_names(records)}\n",
        records_table(records),
        "## Seconds per stage\n",
        stages_table(records),
    ]
    findings = skips_and_failures(records)
    if findings:
        parts += ["## Checks that were skipped or failed\n", findings]
    return "\n".join(parts)


def releases_plot(records: Sequence[BuildRecord]) -> str | None:
    """An SVG plot of each release's size, start-up and build time; None for fewer than two releases.

    `records` are sorted newest first, as `read_records` returns them.
    """
    released = [record for record in reversed(records) if record.version != DEV and record.verdict == "verified"]
    versions = tuple(dict.fromkeys(record.exact_version for record in released))
    if len(versions) < _MIN_PLOTTED_RELEASES:
        return None

    def lines(measure: Callable[[BuildRecord], float | None]) -> tuple[Line, ...]:
        values = {(record.platform, record.exact_version): measure(record) for record in released}
        return tuple(
            Line(name=platform, values=tuple(values.get((platform, version)) for version in versions))
            for platform in platform_names()
            if any(record.platform == platform for record in released)
        )

    sizes = Chart(
        title="Size of the archive",
        quantity="download",
        unit="MB",
        lines=lines(lambda record: round(record.archive_bytes / 1_000_000, 2)),
    )
    starts = Chart(
        title="Time that --version takes, the best of a few starts",
        quantity="start-up",
        unit="seconds",
        lines=lines(lambda record: record.start_up_seconds),
    )
    builds = Chart(
        title="Time that the build takes",
        quantity="build",
        unit="seconds",
        lines=lines(lambda record: round(sum(record.stages.values()), 1)),
    )
    return plot_svg(f"{_app_names(released)}, release by release", versions, "version", (sizes, starts, builds))


def write_report(records: Sequence[BuildRecord], output: Path, *, is_validation: bool = False) -> tuple[Path, ...]:
    """Write the report and, if it has two releases to compare, a plot next to it; returns the files.

    `is_validation` writes the validation report instead.

    Raises `ReportOutputError`.
    """
    plot_path = output.with_suffix(".svg")
    if output.suffix != ".md":
        raise ReportOutputError(output, "not a .md file")
    plot = releases_plot(records)
    report = validation_report(records) if is_validation else records_report(records)
    if plot:
        report += f"\n## Releases compared\n\n![Size, start-up and build time of each release](<{plot_path.name}>)\n"
    texts = {output: report, **({plot_path: plot} if plot else {})}
    try:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ReportOutputError(output, error.strerror or str(error)) from None
    return tuple(texts)


def build_summary(record: BuildRecord) -> str:
    """One build: a heading, its row of the table, the facts, and every check."""
    rows = [
        (code_span(check.name), check.verdict, code_span(check.summary), f"{check.seconds:.1f}")
        for check in record.checks
    ]
    parts = [
        f"### {record.archive}: {record.verdict}\n",
        records_table([record]),
        "".join(f"- {name}: {code_span(value)}\n" for name, value in facts(record)),
        markdown_table(("check", "verdict", "figure", "seconds"), "lllr", rows),
    ]
    causes = [f"- {code_span(line)}\n" for line in shared_causes(record.checks)]
    parts += ["Several checks fail for one reason:\n", "".join(causes)] if causes else []
    notes = [f"- {code_span(line)}\n" for check in record.checks for line in note_lines(check)]
    parts += ["Notes:\n", "".join(notes)] if notes else []
    return "\n".join(parts) + "\n"


def write_job_summary(record: BuildRecord) -> None:
    """Append the build's summary to GitHub's job summary, if this is a job."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8", newline="\n") as file:
            file.write(build_summary(record))


def _verdict_counts(record: BuildRecord) -> str:
    counts = [
        f"{count} {verdict}"
        for verdict in ("passed", "skipped", "failed")
        if (count := sum(check.verdict == verdict for check in record.checks))
    ]
    return ", ".join(counts) or "none"


def _build_names(builds: Sequence[BuildRecord], records: Sequence[BuildRecord]) -> str:
    if len(builds) == len(records):
        return "" if len(records) == 1 else " (every build)"
    return f" ({', '.join(f'{build.platform} {build.exact_version}' for build in builds)})"


def _app_names(records: Sequence[BuildRecord]) -> str:
    return " and ".join(sorted({record.app for record in records}))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
