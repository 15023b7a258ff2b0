from datetime import date, timedelta

import pytest

from release_tools.platforms import PLATFORMS
from release_tools.releasing.github.runner_labels import NOTICE, RUNNER_LABELS, RunnerLabel, next_end, runner_problems

ENDING = [label for label in RUNNER_LABELS if label.ends is not None]


def test_every_platform_builds_on_a_runner_whose_end_was_looked_up() -> None:
    long_ago = date(2020, 1, 1)
    assert runner_problems([platform.runner for platform in PLATFORMS], long_ago) == []


@pytest.mark.parametrize("label", ENDING, ids=lambda label: label.name)
def test_a_runner_is_reported_from_half_a_year_before_its_end_and_after_it(label: RunnerLabel) -> None:
    assert label.ends is not None
    assert runner_problems([label.name], label.ends - NOTICE - timedelta(days=1)) == []
    (soon,) = runner_problems([label.name], label.ends - timedelta(days=1))
    assert soon.what == f"{label.name} ends on {label.ends}, in 1 days"
    (gone,) = runner_problems([label.name], label.ends)
    assert gone.what == f"{label.name} is gone since {label.ends}"
    for problem in (soon, gone):
        assert label.source in problem.hint
        assert label.successor in problem.hint


@pytest.mark.parametrize("label", ENDING, ids=lambda label: label.name)
def test_the_runner_to_move_to_is_known_and_lasts_longer(label: RunnerLabel) -> None:
    (successor,) = [other for other in RUNNER_LABELS if other.name == label.successor]
    assert label.ends is not None
    assert successor.ends is None or successor.ends > label.ends


@pytest.mark.parametrize("name", ["ubuntu-latest", "macos-latest", "windows-latest"])
def test_a_runner_that_moves_is_a_problem_at_any_time(name: str) -> None:
    (problem,) = runner_problems([name], date(2026, 1, 1))
    assert "moves to another system" in problem.what


def test_a_runner_that_nobody_has_looked_up_is_a_problem() -> None:
    (problem,) = runner_problems(["ubuntu-30.04", "ubuntu-30.04"], date(2026, 1, 1))
    assert "whose end nobody has looked up" in problem.what


def test_the_first_of_several_ends_is_told() -> None:
    first = next_end(["macos-26-intel", "macos-15-intel", "ubuntu-24.04"])
    assert first is not None
    assert first.name == "macos-15-intel"
    assert next_end(["ubuntu-24.04"]) is None


def test_every_date_has_a_source_that_can_be_opened() -> None:
    assert all(label.source.startswith("https://github.") for label in RUNNER_LABELS)
    assert len({label.name for label in RUNNER_LABELS}) == len(RUNNER_LABELS)
