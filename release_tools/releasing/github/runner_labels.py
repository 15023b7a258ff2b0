"""When GitHub removes its runners. The runner of a build determines the oldest system that the binary runs on.

GitHub announces the dates, and no API has them; every entry names its source.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from release_tools.errors import Problem

# Enough to move to another runner before the brownouts in the last weeks.
NOTICE: Final = timedelta(days=180)

_ISSUES: Final = "https://github.com/actions/runner-images/issues"
_BLOG: Final = "https://github.blog/changelog"


@dataclass(frozen=True, kw_only=True)
class RunnerLabel:
    """A label for `runs-on`. `ends` is the first day without it, or None if no end is announced."""

    name: str
    source: str
    ends: date | None = None
    successor: str = ""


RUNNER_LABELS: Final[tuple[RunnerLabel, ...]] = (
    RunnerLabel(
        name="macos-13",
        source=f"{_BLOG}/2025-09-19-github-actions-macos-13-runner-image-is-closing-down/",
        ends=date(2025, 12, 4),
        successor="macos-15-intel",
    ),
    RunnerLabel(name="macos-14", source=f"{_ISSUES}/13518", ends=date(2026, 11, 2), successor="macos-15"),
    RunnerLabel(name="macos-15", source=f"{_ISSUES}/13046"),
    # Announced as "until August 2027".
    RunnerLabel(name="macos-15-intel", source=f"{_ISSUES}/13045", ends=date(2027, 8, 1), successor="macos-26-intel"),
    RunnerLabel(name="macos-26", source=f"{_ISSUES}/13739"),
    # The last with an Intel processor, until autumn 2027.
    RunnerLabel(name="macos-26-intel", source=f"{_ISSUES}/13046", ends=date(2027, 9, 1), successor="macos-26"),
    RunnerLabel(name="ubuntu-22.04", source=f"{_ISSUES}/14254", ends=date(2027, 4, 17), successor="ubuntu-24.04"),
    RunnerLabel(
        name="ubuntu-22.04-arm", source=f"{_ISSUES}/14254", ends=date(2027, 4, 17), successor="ubuntu-24.04-arm"
    ),
    RunnerLabel(name="ubuntu-24.04", source=f"{_ISSUES}/14747"),
    RunnerLabel(name="ubuntu-24.04-arm", source=f"{_ISSUES}/14747"),
    RunnerLabel(name="ubuntu-26.04", source=f"{_ISSUES}/14747"),
    RunnerLabel(name="ubuntu-26.04-arm", source=f"{_ISSUES}/14747"),
    RunnerLabel(name="windows-2025", source=f"{_ISSUES}/14017"),
    RunnerLabel(name="windows-11-arm", source=f"{_ISSUES}/14602"),
)


def runner_problems(names: Iterable[str], today: date) -> list[Problem]:
    """The problems of building on these runners today."""
    known = {label.name: label for label in RUNNER_LABELS}
    problems = []
    for name in dict.fromkeys(names):
        label = known.get(name)
        if name.endswith("-latest"):
            what, hint = "moves to newer images", "use a label with a version"
        elif label is None:
            what, hint = "is not in RUNNER_LABELS", "add it to runner_labels.py, with its end and a source"
        elif label.ends is not None and today >= label.ends:
            what = f"was removed on {label.ends}"
            hint = f"build on {label.successor}; see {label.source}"
        elif label.ends is not None and today >= label.ends - NOTICE:
            what = f"ends on {label.ends}, in {(label.ends - today).days} days"
            hint = f"move to {label.successor}, which may raise the oldest supported system; see {label.source}"
        else:
            continue
        problems.append(Problem(what=f"{name} {what}", hint=hint))
    return problems


def next_end(names: Iterable[str]) -> RunnerLabel | None:
    """The runner that ends first, or None if none has an announced end."""
    ending = [label for label in RUNNER_LABELS if label.name in set(names) and label.ends is not None]
    return min(ending, key=lambda label: label.ends or date.max, default=None)
