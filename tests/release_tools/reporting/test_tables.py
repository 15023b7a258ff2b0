import dataclasses
import io
import json
from pathlib import Path

from rich.console import Console

from release_tools.reporting.records import BuildRecord, CheckResult, write_record
from release_tools.reporting.tables import print_checks, print_report

RECORD = BuildRecord(
    app="tiny",
    platform="linux-amd64",
    version="v1.2.3",
    exact_version="1.2.3",
    commit="1a2b3c4",
    python="3.13.0",
    pyinstaller="6.22.3",
    archive="tiny-v1.2.3-linux-amd64.tar.gz",
    archive_bytes=12_345_678,
    executable_bytes=23_456_789,
    sha256="ab" * 32,
    verdict="verified",
    stages={"environment": 1.5, "freeze": 60.0},
    sizes={"tiny-app": 1000},
    checks=(
        CheckResult(name="version", verdict="passed", figure="tiny 1.2.3", seconds=0.5),
        CheckResult(name="smoke commands", verdict="failed", figure="a | b\nmore", hint="mend it"),
    ),
)


def test_the_record_is_json_with_every_figure(tmp_path: Path) -> None:
    write_record(RECORD, tmp_path / "record.json")
    read = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert read == json.loads(json.dumps(dataclasses.asdict(RECORD)))
    assert (read["schema"], read["checks"][0]["verdict"], read["stages"]["freeze"]) == (1, "passed", 60.0)


def test_the_table_names_every_check_with_its_figure_and_the_sizes() -> None:
    console = Console(file=io.StringIO(), width=120)
    print_report(RECORD, console)
    output = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("tiny 1.2.3", "smoke commands", "failed", "12.3 MB to download, 23.5 MB unpacked", "ab" * 32):
        assert part in output


def test_nothing_in_a_report_steers_the_terminal() -> None:
    hostile = "lib\x1b]0;title\x07.so"
    passed = CheckResult(name="glibc floor", verdict="passed", figure=hostile)
    failed = CheckResult(name="leaks", verdict="failed", figure=hostile, hint=hostile)
    output = io.StringIO()
    print_checks(hostile, [passed, failed], Console(file=output, width=120))
    assert "\x1b" not in output.getvalue()
    assert "\x07" not in output.getvalue()
    assert output.getvalue().count(r"lib\x1b]0;title\x07.so") == 5


def test_square_brackets_in_a_figure_are_text() -> None:
    console = Console(file=io.StringIO(), width=120)
    check = CheckResult(name="version", verdict="failed", figure="printed [/bold] and [red]")
    print_report(dataclasses.replace(RECORD, checks=(check,)), console)
    assert "printed [/bold] and [red]" in console.file.getvalue()  # type: ignore[attr-defined]
