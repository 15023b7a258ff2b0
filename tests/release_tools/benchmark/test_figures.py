from pathlib import Path

import pytest

from release_tools.benchmark.figures import Goal, Row, Series, by_turns, read_rows, series_of, write_rows
from release_tools.errors import BenchmarkResultsError


def make_row(own: float = 1.0, plain: float | None = 4.0, goal: Goal | None = None) -> Row:
    return Row(
        key="version",
        title="`--version`",
        unit="s",
        own=Series(name="own", values=(own,)),
        plain=None if plain is None else Series(name="plain", values=(plain,)),
        goal=goal,
        floors=(Series(name="floor", values=(0.5, 0.25)),),
    )


def test_measures_alternate_and_warm_up_is_dropped() -> None:
    calls: list[str] = []

    def measure(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    figures = by_turns({"a": lambda: measure("a"), "b": lambda: measure("b")}, 2)
    # Neither is always first.
    assert "".join(calls) == "abbaab"
    assert figures == {"a": (4.0, 5.0), "b": (3.0, 6.0)}


def test_median_ignores_an_outlier() -> None:
    assert Series(name="x", values=(1.0, 1.2, 99.0)).median == 1.2


@pytest.mark.parametrize(
    ("goal", "is_reached"),
    [
        (None, None),
        (Goal(limit=0.25, is_ratio=True), True),
        (Goal(limit=0.24, is_ratio=True), False),
        (Goal(limit=1.0, is_ratio=False), True),
        (Goal(limit=0.9, is_ratio=False), False),
    ],
)
def test_goal_is_a_ratio_or_a_figure(goal: Goal | None, is_reached: bool | None) -> None:
    row = make_row(goal=goal)
    assert row.ratio == 0.25
    assert row.is_goal_reached is is_reached


@pytest.mark.parametrize("plain", [None, 0.0])
def test_without_plain_figure_there_is_no_ratio(plain: float | None) -> None:
    row = make_row(plain=plain, goal=Goal(limit=0.5, is_ratio=True))
    assert row.ratio is None
    assert row.is_goal_reached is None


def test_only_measured_series_are_kept() -> None:
    assert [one.name for one in series_of({"a": [1.0], "b": []}, ["b", "c", "a"])] == ["a"]


def test_rows_survive_being_written(tmp_path: Path) -> None:
    rows = (make_row(), make_row(plain=None, goal=Goal(limit=1, is_ratio=False)))
    write_rows(tmp_path / "results.json", "tiny at abc", rows)
    assert read_rows(tmp_path / "results.json", "tiny at abc") == rows


def test_rows_of_another_commit_are_dropped(tmp_path: Path) -> None:
    write_rows(tmp_path / "results.json", "tiny at abc", [make_row()])
    assert read_rows(tmp_path / "results.json", "tiny at def") == ()
    assert read_rows(tmp_path / "none.json", "tiny at abc") == ()


@pytest.mark.parametrize("content", ["{", "[]", '{"subject": "x", "rows": [{}]}'])
def test_damaged_results_are_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BenchmarkResultsError) as caught:
        read_rows(path, "x")
    assert caught.value.path == path
