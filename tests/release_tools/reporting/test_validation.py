"""The validation report: criteria, their answers by platform, and what isn't known."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from release_tools.platforms import PLATFORMS
from release_tools.reporting.records import BuildRecord, CheckResult, Verdict
from release_tools.reporting.validation import CRITERIA, Criterion, evaluate, validation_report
from release_tools.verification.checks import CHECKS
from tests.release_tools.reporting.sample_records import GOOD, record_of

OLDEST_SYSTEM = next(criterion for criterion in CRITERIA if criterion.name == "oldest system")
MAIN_JOB = next(criterion for criterion in CRITERIA if criterion.name == "main job")


def results(criterion: Criterion, **verdicts: Verdict) -> tuple[CheckResult, ...]:
    return tuple(
        CheckResult(name=name, verdict=verdicts.get(name.replace(" ", "_"), "passed"), figure="seen")
        for name in criterion.checks
    )


def complete(platform: str, **changes: Any) -> BuildRecord:
    checks = tuple(result for criterion in CRITERIA for result in results(criterion))
    return record_of(platform, "1.2.3", **{"checks": checks, **changes})


def table_row(report: str, name: str) -> list[str]:
    line = next(line for line in report.splitlines() if line.startswith(f"| **{name}**"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_every_check_proves_one_criterion() -> None:
    listed = [name for criterion in CRITERIA for name in criterion.checks]
    assert sorted(listed) == sorted(["preflight", *(check.name for check in CHECKS)])


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [
        ({}, "met"),
        ({"help_texts": "failed"}, "not met"),
        ({"black-box_tests": "skipped"}, "not proved"),
        ({"black-box_tests": "skipped", "help_texts": "failed"}, "not met"),
    ],
)
def test_answer_follows_from_the_verdicts(verdicts: dict[str, Verdict], answer: str) -> None:
    record = dataclasses.replace(GOOD, checks=results(MAIN_JOB, **verdicts))
    assert evaluate(MAIN_JOB, record).answer == answer


def test_check_that_did_not_run_proves_nothing() -> None:
    record = dataclasses.replace(GOOD, checks=results(MAIN_JOB)[1:])
    evaluation = evaluate(MAIN_JOB, record)
    assert evaluation.answer == "not proved"
    assert f"{MAIN_JOB.checks[0]}: not run" in evaluation.figures


@pytest.mark.parametrize(("version", "answer"), [("v1.2.3", "met"), ("dev", "not proved")])
def test_limit_of_releases_is_not_proved_by_dev_builds(version: str, answer: str) -> None:
    checks: Sequence[CheckResult] = (
        CheckResult(name="glibc floor", verdict="passed", figure="GLIBC 2.40; glibc-floor is 2.28"),
        CheckResult(name="macOS minimum", verdict="skipped", figure="applies to darwin only"),
    )
    record = dataclasses.replace(GOOD, version=version, checks=tuple(checks))
    assert evaluate(OLDEST_SYSTEM, record).answer == answer


def test_criterion_of_other_platforms_does_not_apply() -> None:
    checks = tuple(
        CheckResult(name=name, verdict="skipped", figure="applies to linux only") for name in OLDEST_SYSTEM.checks
    )
    assert evaluate(OLDEST_SYSTEM, dataclasses.replace(GOOD, checks=checks)).answer == "not applicable"


def test_missing_platform_is_said_not_guessed() -> None:
    report = validation_report([complete(platform.name) for platform in PLATFORMS[:3]])
    assert table_row(report, "main job") == ["met", "met", "met", "**no record**", "**no record**"]
    assert "**No record: linux-arm64, windows-amd64.**" in report
    assert "| windows-amd64 | **no record** |" in report


def test_complete_release_has_all_answers() -> None:
    report = validation_report([complete(platform.name) for platform in PLATFORMS])
    assert "no record" not in report
    assert "5 of 5 platforms." in report
    assert f"{5 * len(CRITERIA)} met, 0 not met, 0 not proved." in report


def test_records_of_other_builds_are_listed_apart() -> None:
    newest, other = complete("linux-amd64"), complete("windows-amd64", commit="fedcba9876543210")
    report = validation_report([newest, other])
    assert "## Not considered" in report
    assert table_row(report, "main job")[-1] == "**no record**"


def test_refused_build_is_named() -> None:
    assert "**Refused: linux-amd64.**" in validation_report([complete("linux-amd64", verdict="refused", sha256="")])
