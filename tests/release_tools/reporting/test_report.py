import dataclasses
from pathlib import Path

import pytest

from release_tools.errors import ReportOutputError
from release_tools.platforms import PLATFORMS
from release_tools.reporting.records import BuildRecord, CheckResult
from release_tools.reporting.report import (
    build_summary,
    records_report,
    records_table,
    releases_plot,
    skips_and_failures,
    stages_table,
    write_job_summary,
    write_report,
)
from tests.release_tools.reporting.sample_records import GOOD, record_of

FIVE = tuple(record_of(platform.name, "1.2.3") for platform in PLATFORMS)


def test_table_has_one_row_per_build() -> None:
    lines = records_table(FIVE).splitlines()
    assert lines[:2] == [
        "| platform | version | download | unpacked | start-up | built in | Python | checks | tried |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- | --- | --- |",
    ]
    assert lines[2:] == [
        f"| {platform.name} | 1.2.3 | 12.3 MB | 23.5 MB | 0.85 s | 92 s | 3.13.9 | 2 passed, 1 skipped | commands |"
        for platform in PLATFORMS
    ]


def test_missing_start_up_time_is_not_measured() -> None:
    assert "| not measured |" in records_table([dataclasses.replace(GOOD, start_up_seconds=None)])


def test_record_of_older_build_has_an_unknown_proof() -> None:
    assert records_table([dataclasses.replace(GOOD, proof=None)]).endswith("| unknown |\n")


def test_each_stage_has_a_column() -> None:
    broken = record_of("linux-arm64", "1.2.3", stages={"environment": 2.0})
    assert stages_table([GOOD, broken]).splitlines() == [
        "| seconds | version | environment | freeze | verify |",
        "| --- | --- | ---: | ---: | ---: |",
        "| linux-amd64 | 1.2.3 | 1.5 | 60.0 | 30.0 |",
        "| linux-arm64 | 1.2.3 | 2.0 |  |  |",
    ]


def test_skipped_check_is_listed_once_for_all_builds() -> None:
    passed = record_of("linux-arm64", "1.2.3", checks=GOOD.checks[:1])
    expected = "- `macOS minimum` skipped: `no macOS binary`"
    assert skips_and_failures([*FIVE[:2], passed]) == f"{expected} (darwin-arm64 1.2.3, darwin-amd64 1.2.3)\n"
    assert skips_and_failures(FIVE) == f"{expected} (every build)\n"
    assert skips_and_failures([GOOD]) == f"{expected}\n"


def test_no_section_when_every_check_passed() -> None:
    passed = dataclasses.replace(GOOD, checks=GOOD.checks[:1])
    assert "skipped or failed" in records_report([GOOD])
    assert "skipped or failed" not in records_report([passed])


def test_only_first_line_of_figure_is_shown() -> None:
    check = CheckResult(name="version", verdict="failed", figure="<b> @everyone\nsecond line")
    record = dataclasses.replace(GOOD, checks=(check,))
    assert "| `version` | failed | `<b> @everyone` | 0.0 |\n" in build_summary(record)
    assert skips_and_failures([record]) == "- `version` failed: `<b> @everyone`\n"


def test_summary_has_table_row_and_every_check() -> None:
    summary = build_summary(GOOD)
    assert summary.startswith("### tiny-v1.2.3-linux-amd64.tar.gz: verified\n")
    assert records_table([GOOD]) in summary
    for check in GOOD.checks:
        assert f"| `{check.name}` | {check.verdict} |" in summary
    assert "- `version: odd but harmless`\n" in summary
    assert GOOD.proof is not None
    assert f"- proved: `{GOOD.proof.text}`\n" in summary


def test_summary_is_appended_to_job_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    write_job_summary(GOOD)
    assert summary.read_text(encoding="utf-8") == "before\n" + build_summary(GOOD)


def test_no_summary_is_written_outside_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    write_job_summary(GOOD)
    assert list(tmp_path.iterdir()) == []


def releases(*versions: str) -> list[BuildRecord]:
    return [record_of(platform.name, version) for version in versions for platform in PLATFORMS]


def test_plot_has_a_line_per_platform_oldest_first() -> None:
    plot = releases_plot(releases("1.10.0", "1.9.0"))
    assert plot is not None
    for platform in PLATFORMS:
        assert f"<title>{platform.name} 1.10.0: 12.35 MB</title>" in plot
        assert f"<title>{platform.name} 1.9.0: 0.852 seconds</title>" in plot
    assert plot.index("linux-amd64 1.9.0: ") < plot.index("linux-amd64 1.10.0: ")


def test_dev_and_failed_builds_are_not_plotted() -> None:
    dev = record_of("linux-amd64", "1.2.4", verdict="refused", sha256="")
    refused = dataclasses.replace(GOOD, version="dev", exact_version="1.2.3+dev.g1a2b3c4")
    assert releases_plot([dev, refused, GOOD]) is None


def test_report_of_two_releases_has_a_plot(tmp_path: Path) -> None:
    written = write_report(releases("1.1.0", "1.0.0"), tmp_path / "builds.md")
    assert written == (tmp_path / "builds.md", tmp_path / "builds.svg")
    assert "](<builds.svg>)" in written[0].read_text(encoding="utf-8")
    assert written[1].read_text(encoding="utf-8").startswith("<svg ")


def test_report_of_one_release_has_no_plot(tmp_path: Path) -> None:
    assert write_report(FIVE, tmp_path / "builds.md") == (tmp_path / "builds.md",)
    assert (tmp_path / "builds.md").read_text(encoding="utf-8") == records_report(FIVE)


@pytest.mark.parametrize("name", ["record.json", "builds", "builds.svg", "missing/builds.md"])
def test_report_needs_a_markdown_file_in_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportOutputError) as caught:
        write_report(FIVE, tmp_path / name)
    assert caught.value.path == tmp_path / name
    assert list(tmp_path.iterdir()) == []
