import dataclasses
from pathlib import Path

import pytest

from release_tools.platforms import PLATFORMS
from release_tools.releasing.errors import ReportOutputError
from release_tools.reporting.markdown import (
    left_out_list,
    markdown_report,
    records_report,
    records_table,
    releases_plot,
    stages_table,
    write_job_summary,
    write_report,
)
from release_tools.reporting.records import BuildRecord, CheckResult
from tests.release_tools.reporting.records_of_builds import GOOD, record_of

FIVE = tuple(record_of(platform.name, "1.2.3") for platform in PLATFORMS)


def with_figure(figure: str) -> BuildRecord:
    return dataclasses.replace(GOOD, checks=(CheckResult(name="version", verdict="failed", figure=figure),))


def test_the_table_has_one_row_per_build_with_its_sizes_times_python_and_checks() -> None:
    lines = records_table(FIVE).splitlines()
    assert lines[:2] == [
        "| platform | version | download | unpacked | start-up | built in | Python | checks |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    assert lines[2:] == [
        f"| {platform.name} | 1.2.3 | 12.3 MB | 23.5 MB | 0.85 s | 92 s | 3.13.9 | 2 passed, 1 skipped |"
        for platform in PLATFORMS
    ]


def test_a_build_without_a_measured_start_says_so() -> None:
    assert "| not measured |" in records_table([dataclasses.replace(GOOD, start_up_seconds=None)])


def test_the_stages_have_a_column_each_and_a_gap_where_one_did_not_end() -> None:
    broken = record_of("linux-arm64", "1.2.3", stages={"environment": 2.0})
    assert stages_table([GOOD, broken]).splitlines() == [
        "| seconds | version | environment | freeze | verify |",
        "| --- | --- | ---: | ---: | ---: |",
        "| linux-amd64 | 1.2.3 | 1.5 | 60.0 | 30.0 |",
        "| linux-arm64 | 1.2.3 | 2.0 |  |  |",
    ]


def test_what_was_skipped_stands_there_once_with_its_reason_and_all_its_builds() -> None:
    passed = record_of("linux-arm64", "1.2.3", checks=GOOD.checks[:1])
    expected = "- `macOS minimum` skipped: `no macOS binary`"
    assert left_out_list([*FIVE[:2], passed]) == f"{expected} (darwin-arm64 1.2.3, darwin-amd64 1.2.3)\n"
    assert left_out_list(FIVE) == f"{expected} (every build)\n"
    assert left_out_list([GOOD]) == f"{expected}\n"


def test_the_report_of_builds_that_passed_every_check_has_no_section_of_the_others() -> None:
    passed = dataclasses.replace(GOOD, checks=GOOD.checks[:1])
    assert "skipped or failed" in records_report([GOOD])
    assert "skipped or failed" not in records_report([passed])


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        ("<script>alert(1)</script>", "`<script>alert(1)</script>`"),
        ("thanks @everyone", "`thanks @everyone`"),
        ("a `tick` inside", "``a `tick` inside``"),
        ("``", "``` `` ```"),
        ("ends in a backslash \\", "`ends in a backslash \\`"),
        ("a | b", "<code>a &#124; b</code>"),
        ("\\| <b>", "<code>&#92;&#124; &#60;b&#62;</code>"),
        ("one\r\x1b[31m\u2028two", "`one [31m two`"),
        ("first line\nsecond line", "`first line`"),
        ("", ""),
    ],
)
def test_a_figure_cannot_become_markup_a_mention_or_another_cell(figure: str, shown: str) -> None:
    report = markdown_report(with_figure(figure))
    assert f"| `version` | failed | {shown} | 0.0 |\n" in report
    assert left_out_list([with_figure(figure)]) == f"- `version` failed: {shown}\n"


def test_the_job_summary_holds_the_row_of_the_table_and_every_check() -> None:
    summary = markdown_report(GOOD)
    assert summary.startswith("### tiny-v1.2.3-linux-amd64.tar.gz: verified\n")
    assert records_table([GOOD]) in summary
    for check in GOOD.checks:
        assert f"| `{check.name}` | {check.verdict} |" in summary


def test_the_job_summary_is_appended_where_github_asks_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    write_job_summary(GOOD)
    assert summary.read_text(encoding="utf-8") == "before\n" + markdown_report(GOOD)


def test_without_github_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    write_job_summary(GOOD)
    assert list(tmp_path.iterdir()) == []


def releases(*versions: str) -> list[BuildRecord]:
    return [record_of(platform.name, version) for version in versions for platform in PLATFORMS]


def test_two_releases_are_plotted_oldest_first_with_a_line_per_platform() -> None:
    plot = releases_plot(releases("1.10.0", "1.9.0"))
    assert plot is not None
    for platform in PLATFORMS:
        assert f"<title>{platform.name} 1.10.0: 12.35 MB</title>" in plot
        assert f"<title>{platform.name} 1.9.0: 0.852 seconds</title>" in plot
    assert plot.index("linux-amd64 1.9.0: ") < plot.index("linux-amd64 1.10.0: ")


def test_one_release_a_dev_build_and_a_refused_one_are_no_two_releases() -> None:
    dev = record_of("linux-amd64", "1.2.4", verdict="refused", sha256="")
    refused = dataclasses.replace(GOOD, version="dev", exact_version="1.2.3+dev.g1a2b3c4")
    assert releases_plot([dev, refused, GOOD]) is None


def test_a_report_of_two_releases_is_written_with_its_plot_beside_it(tmp_path: Path) -> None:
    written = write_report(releases("1.1.0", "1.0.0"), tmp_path / "builds.md")
    assert written == (tmp_path / "builds.md", tmp_path / "builds.svg")
    assert "](<builds.svg>)" in written[0].read_text(encoding="utf-8")
    assert written[1].read_text(encoding="utf-8").startswith("<svg ")


def test_a_report_of_one_release_is_written_alone(tmp_path: Path) -> None:
    assert write_report(FIVE, tmp_path / "builds.md") == (tmp_path / "builds.md",)
    assert (tmp_path / "builds.md").read_text(encoding="utf-8") == records_report(FIVE)


@pytest.mark.parametrize("name", ["record.json", "builds", "builds.svg", "missing/builds.md"])
def test_a_report_goes_to_a_markdown_file_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportOutputError) as caught:
        write_report(FIVE, tmp_path / name)
    assert caught.value.what.startswith(f"{tmp_path / name}: ")
    assert list(tmp_path.iterdir()) == []
