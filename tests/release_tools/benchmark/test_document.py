from rich.console import Console

from release_tools.benchmark.document import document, machine_facts, print_rows
from release_tools.benchmark.figures import Goal, Row, Series

FACTS = (("machine", "a <b> processor"),)


def series(name: str, *values: float) -> Series:
    return Series(name=name, values=values)


def make_row(goal: float | None) -> Row:
    return Row(
        key="version",
        title="`--version`",
        unit="s",
        own=series("own", 0.25, 0.75, 0.5),
        plain=series("plain", 1.0),
        goal=None if goal is None else Goal(limit=goal, is_ratio=True),
        floors=(series("CPython alone", 0.0125),),
    )


PEERS = Row(
    key="peers",
    title="`--version`, beside other tools",
    unit="s",
    own=series("own", 0.5),
    plain=None,
    peers=(series("shiv", 0.125),),
    note="shiv's output has 1.0 MB",
)
BROKEN = Row(key="x", title="`run`", unit="s", own=series("own", 0.5), plain=None, note="ImportError: x")


def table_line(text: str, beginning: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {beginning} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_table_has_medians_ratio_and_goal() -> None:
    text = document("tiny at abc", FACTS, [make_row(0.5)])
    assert table_line(text, "`--version`") == ["`--version`", "0.500 s", "1.0 s", "0.50", "at most 0.5", "yes"]


def test_missed_goal_has_its_floor() -> None:
    text = document("tiny at abc", FACTS, [make_row(0.4)])
    assert "- `--version`: CPython alone 0.013 s.\n" in text
    assert "- `--version`" not in document("tiny at abc", FACTS, [make_row(0.5)])


def test_raw_figures_are_complete() -> None:
    text = document("tiny at abc", FACTS, [make_row(None), BROKEN]).partition("## Raw figures")[2]
    assert "| `--version` | own | 0.250, 0.750, 0.500 |\n" in text
    assert "| `--version` | CPython alone | 0.013 |\n" in text
    assert "| `run` | own | 0.500 (ImportError: x) |\n" in text


def test_what_plain_pyinstaller_breaks_is_shown() -> None:
    assert table_line(document("tiny at abc", FACTS, [BROKEN]), "`run`")[2:4] == ["fails", "-"]


def test_peers_have_their_own_table() -> None:
    text = document("tiny at abc", FACTS, [make_row(None), PEERS])
    assert table_line(text, "shiv") == ["shiv", "0.125 s"]
    assert "shiv's output has 1.0 MB" in text
    assert len([line for line in text.splitlines() if line.startswith("| `--version` | 0.500 s")]) == 1


def test_facts_are_not_markup() -> None:
    assert "| machine | `a <b> processor` |" in document("tiny at abc", FACTS, [make_row(None)])


def test_machine_facts_name_rounds() -> None:
    assert dict(machine_facts(11, 3))["rounds"] == "11 of starts, 3 of builds"


def test_terminal_table_shows_missed_goals() -> None:
    console = Console(record=True, width=100)
    print_rows("figures", [make_row(0.4), PEERS], console)
    text = console.export_text()
    assert "not reached" in text
    assert "CPython alone 0.013 s" in text
    assert "shiv 0.125 s" in text
