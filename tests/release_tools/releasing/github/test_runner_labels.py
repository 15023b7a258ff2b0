from datetime import date, timedelta

import pytest

from release_tools.platforms import PLATFORMS
from release_tools.releasing.github.runner_labels import NOTICE, RUNNER_LABELS, RunnerLabel, next_end, runner_problems

ENDING = [label for label in RUNNER_LABELS if label.ends is not None]


def test_runner_of_every_platform_is_known() -> None:
    long_ago = date(2020, 1, 1)
    assert runner_problems([platform.runner for platform in PLATFORMS], long_ago) == []


@pytest.mark.parametrize("label", ENDING, ids=lambda label: label.name)
def test_runner_is_reported_from_its_notice_on(label: RunnerLabel) -> None:
    assert label.ends is not None
    assert runner_problems([label.name], label.ends - NOTICE - timedelta(days=1)) == []
    (soon,) = runner_problems([label.name], label.ends - timedelta(days=1))
    assert f"{label.ends}, in 1 days" in soon.what
    (gone,) = runner_problems([label.name], label.ends)
    assert gone.what.endswith(f" {label.ends}")
    for problem in (soon, gone):
        assert problem.what.startswith(f"{label.name} ")
        assert label.source in problem.hint
        assert label.successor in problem.hint


@pytest.mark.parametrize("label", ENDING, ids=lambda label: label.name)
def test_successor_is_known_and_lasts_longer(label: RunnerLabel) -> None:
    (successor,) = [other for other in RUNNER_LABELS if other.name == label.successor]
    assert label.ends is not None
    assert successor.ends is None or successor.ends > label.ends


@pytest.mark.parametrize("name", ["ubuntu-latest", "macos-latest", "windows-latest"])
def test_moving_runner_is_always_a_problem(name: str) -> None:
    (problem,) = runner_problems([name], date(2026, 1, 1))
    assert problem.what.startswith(f"{name} ")


def test_unknown_runner_is_reported_once() -> None:
    (problem,) = runner_problems(["ubuntu-30.04", "ubuntu-30.04"], date(2026, 1, 1))
    assert problem.what.startswith("ubuntu-30.04 ")


def test_next_end_is_the_earliest() -> None:
    first = next_end(["macos-26-intel", "macos-15-intel", "ubuntu-24.04"])
    assert first is not None
    assert first.name == "macos-15-intel"
    assert next_end(["ubuntu-24.04"]) is None


def test_every_label_occurs_once() -> None:
    assert len({label.name for label in RUNNER_LABELS}) == len(RUNNER_LABELS)
