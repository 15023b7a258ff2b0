"""A build's results as tables in the terminal."""

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from release_tools.errors import escape_control_chars
from release_tools.reporting.file_size import format_size
from release_tools.reporting.output import print_plain
from release_tools.reporting.records import BuildRecord, CheckResult

_VERDICT_STYLES: Final = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


def print_report(record: BuildRecord, console: Console) -> None:
    """Print the table of all checks, then the build's sizes, times and checksum."""
    print_checks(f"{record.archive}: {record.verdict}", record.checks, console)
    for name, value in facts(record):
        print_plain(console, f"{name:<12} {value}")


def print_checks(title: str, checks: Sequence[CheckResult], console: Console) -> None:
    """Print one row per check, then everything that the failed ones found, with their hints."""
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
    for check in checks:
        if check.is_failed:
            print_plain(console, f"{check.name}: {check.figure}\nhint: {check.hint}\n")


def facts(record: BuildRecord) -> list[tuple[str, str]]:
    """A build's versions, sizes, checksum and times, each with its name."""
    stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in record.stages.items())
    return [
        ("version", record.exact_version),
        ("built with", f"Python {record.python}, PyInstaller {record.pyinstaller}"),
        ("size", f"{format_size(record.archive_bytes)} to download, {format_size(record.executable_bytes)} unpacked"),
        ("sha256", record.sha256 or "none: the archive failed verification"),
        ("seconds", stages),
    ]
