"""When GitHub takes its runners away, as data: what a build runs on decides the oldest system its binary runs on.

The dates are GitHub's own announcements; none of them can be asked of an API. To add one, name its source.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from release_tools.errors import Problem

# Long enough to move to another runner before GitHub slows the old one down in the weeks before its end.
NOTICE: Final = timedelta(days=180)

_ISSUES: Final = "https://github.com/actions/runner-images/issues"
_BLOG: Final = "https://github.blog/changelog"


@dataclass(frozen=True, kw_only=True)
class RunnerLabel:
    """One label of `runs-on`. `ends` is the first day without it; where no end is announced it is None."""

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
    # "until August 2027": the first day of it, since no other is named.
    RunnerLabel(name="macos-15-intel", source=f"{_ISSUES}/13045", ends=date(2027, 8, 1), successor="macos-26-intel"),
    RunnerLabel(name="macos-26", source=f"{_ISSUES}/13739"),
    # No runner with this processor after the autumn of 2027.
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
    """What is wrong, today, with building on runners of these names."""
    known = {label.name: label for label in RUNNER_LABELS}
    problems = []
    for name in dict.fromkeys(names):
        label = known.get(name)
        if name.endswith("-latest"):
            what, hint = "moves to another system when GitHub says so", "name the system that is meant"
        elif label is None:
            what, hint = "is a runner whose end nobody has looked up", "add it, with its source, to runner_labels.py"
        elif label.ends is not None and today >= label.ends:
            what = f"is gone since {label.ends}"
            hint = f"build on {label.successor}; see {label.source}"
        elif label.ends is not None and today >= label.ends - NOTICE:
            what = f"ends on {label.ends}, in {(label.ends - today).days} days"
            hint = f"move to {label.successor}, and look at what it makes the oldest system; see {label.source}"
        else:
            continue
        problems.append(Problem(what=f"{name} {what}", hint=hint))
    return problems


def next_end(names: Iterable[str]) -> RunnerLabel | None:
    """The one of these runners that ends first; None while none of them has an announced end."""
    ending = [label for label in RUNNER_LABELS if label.name in set(names) and label.ends is not None]
    return min(ending, key=lambda label: label.ends or date.max, default=None)
