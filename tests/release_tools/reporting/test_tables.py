import dataclasses
import io

from rich.console import Console

from release_tools.findings import Finding
from release_tools.reporting.records import CheckResult
from release_tools.reporting.tables import print_checks, print_report, shared_causes
from tests.release_tools.reporting.sample_records import GOOD


def test_report_shows_checks_sizes_and_digest(console: Console, output: io.StringIO) -> None:
    print_report(GOOD, console)
    for part in (*(check.figure for check in GOOD.checks), "12.3 MB", "23.5 MB", GOOD.sha256):
        assert part in output.getvalue()


def test_report_ends_with_what_was_proved(console: Console, output: io.StringIO) -> None:
    print_report(GOOD, console)
    assert GOOD.proof is not None
    assert output.getvalue().splitlines()[-1].endswith(GOOD.proof.text)


def test_control_characters_are_escaped(console: Console, output: io.StringIO) -> None:
    hostile = "lib\x1b]0;title\x07.so"
    passed = CheckResult(name="glibc floor", verdict="passed", figure=hostile)
    failed = CheckResult(name="leaks", verdict="failed", figure=hostile, hint=hostile)
    print_checks(hostile, [passed, failed], console)
    assert all(line.isprintable() for line in output.getvalue().splitlines())
    assert output.getvalue().count(r"lib\x1b]0;title\x07.so") == 5


def test_square_brackets_are_not_markup(console: Console, output: io.StringIO) -> None:
    check = CheckResult(name="version", verdict="failed", figure="printed [/bold] and [red]")
    print_report(dataclasses.replace(GOOD, checks=(check,)), console)
    assert "printed [/bold] and [red]" in output.getvalue()


def test_failed_check_prints_settings_to_paste(console: Console, output: io.StringIO) -> None:
    cure = 'whole-distributions = ["yaml"]'
    check = CheckResult(
        name="leaks", verdict="failed", figure="a", hint="h", cure=cure, findings=(Finding(text="yaml.x"),)
    )
    print_checks("tiny", [check], console)
    lines = [line.strip() for line in output.getvalue().splitlines()]
    assert lines.index(cure) < lines.index("[[tool.release-tools.allowed-findings]]")
    assert 'finding = "yaml.x"' in lines


def test_notes_are_below_the_table(console: Console, output: io.StringIO) -> None:
    check = CheckResult(name="leaks", verdict="passed", figure="none", notes=tuple(f"key {n}" for n in range(7)))
    print_checks("tiny", [check], console)
    notes = output.getvalue().partition("notes\n")[2].split("\n")
    assert [line.strip() for line in notes if line.strip()] == [
        *(f"leaks: key {n}" for n in range(5)),
        "leaks: and 2 more, in the build record",
    ]


def test_cause_of_several_failures_is_named_once(console: Console, output: io.StringIO) -> None:
    modules = [f"yaml.m{number}" for number in range(9)]
    trace = tuple(Finding(text=f"module {name}", detail="needed by a test", owner="PyYAML 6.0") for name in modules)
    audit = tuple(Finding(text=name, detail=f"ModuleNotFoundError: No module named '{name}'") for name in modules)
    checks = [
        CheckResult(name="freeze messages", verdict="failed", figure='Hidden import "other" not found!'),
        CheckResult(name="import audit", verdict="failed", figure="9 fail", findings=audit),
        CheckResult(name="source trace", verdict="failed", figure="it lacks", findings=trace),
        CheckResult(name="parity", verdict="passed", figure="No module named 'other'"),
    ]
    (line,) = shared_causes(checks)
    assert line == "PyYAML 6.0: 9 modules, first: module yaml.m0: missing for import audit, source trace"
    print_checks("tiny", checks, console)
    assert output.getvalue().count(line) == 1
    assert shared_causes(checks[:1] * 2) == ["module other: missing for freeze messages, freeze messages"]
