"""A build's results as tables in the terminal."""

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from release_tools.errors import escape_control_chars
from release_tools.findings import SHOWN, Finding, allowance, lines_of, missing_in
from release_tools.reporting.file_size import format_size
from release_tools.reporting.output import print_plain
from release_tools.reporting.records import BuildRecord, CheckResult
from release_tools.settings_schema import TABLE

# More notes of a check are only in the build record.
_SHOWN_NOTES: Final = 5

_VERDICT_STYLES: Final = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


def print_report(record: BuildRecord, console: Console) -> None:
    """Print the table of all checks, then the build's sizes, times and checksum."""
    print_checks(f"{record.archive}: {record.verdict}", record.checks, console)
    for name, value in facts(record):
        print_plain(console, f"{name:<12} {value}")


def print_checks(title: str, checks: Sequence[CheckResult], console: Console) -> None:
    """Print one row per check, then the notes, then what the failed ones found, with hints and settings to paste."""
    table = Table(box=box.SIMPLE_HEAD, title=Text(escape_control_chars(title)), title_justify="left")
    table.add_column("check", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("figure", overflow="fold")
    table.add_column("seconds", justify="right", no_wrap=True)
    for check in checks:
        style = _VERDICT_STYLES[check.verdict]
        table.add_row(
            check.name,
            Text(check.verdict, style),
            Text(escape_control_chars(check.summary)),
            f"{check.seconds:.1f}",
        )
    console.print(table)
    notes = [line for check in checks for line in note_lines(check)]
    if notes:
        print_plain(console, "notes\n" + "".join(f"  {line}\n" for line in notes))
    causes = shared_causes(checks)
    if causes:
        print_plain(console, "several checks fail for one reason\n" + "".join(f"  {line}\n" for line in causes))
    for check in checks:
        if check.is_failed:
            print_plain(console, f"{check.name}: {check.figure}\nhint: {check.hint}\n{settings_to_paste(check)}")


def shared_causes(checks: Sequence[CheckResult]) -> list[str]:
    """A line for each missing thing that several checks failed for, with their names, cut off after the first few."""
    by_cause: defaultdict[str, list[str]] = defaultdict(list)
    for check in checks:
        if check.is_failed:
            text = "\n".join([check.figure, *(finding.line for finding in check.findings)])
            for cause in missing_in(text):
                by_cause[cause].append(check.name)
    owners = {finding.text: finding.owner for check in checks for finding in check.findings}
    causes = [
        Finding(text=cause, detail=f"missing for {', '.join(names)}", owner=owners.get(cause, ""))
        for cause, names in by_cause.items()
        if len(names) > 1
    ]
    lines = lines_of(causes)
    return [*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])]


def note_lines(check: CheckResult) -> list[str]:
    """The notes of a check, each with its name, cut off after the first few."""
    more = len(check.notes) - _SHOWN_NOTES
    lines = [f"{check.name}: {note}" for note in check.notes[:_SHOWN_NOTES]]
    return [*lines, *([f"{check.name}: and {more} more, in the build record"] if more > 0 else [])]


def settings_to_paste(check: CheckResult) -> str:
    """The setting that cures what a failed check found, if there is one, and the entries that allow it."""
    cure = f"in {TABLE}:\n{textwrap.indent(check.cure, '    ')}\n" if check.cure else ""
    if not check.findings:
        return cure
    block = textwrap.indent(allowance(check.name, check.findings), "    ")
    return f"{cure}{'or, ' if cure else ''}if it's harmless, in pyproject.toml, with the reason:\n{block}"


def facts(record: BuildRecord) -> list[tuple[str, str]]:
    """A build's versions, sizes, checksum, times, and what was tried of the app, each with its name."""
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in record.stages.items())
    return [
        ("version", record.exact_version),
        ("built with", f"Python {record.python}, PyInstaller {record.pyinstaller}"),
        ("size", f"{format_size(record.archive_bytes)} to download, {format_size(record.executable_bytes)} unpacked"),
        ("sha256", record.sha256 or "none: the archive failed verification"),
        ("seconds", stages),
        *([("reused", "; ".join(record.reused))] if record.reused else []),
        *([("proved", record.proof.text)] if record.proof else []),
    ]
