"""A pytest plugin that disables every check and runs only the tests marked `shows_failing`.

It writes their outcomes, grouped by check, to a file.
"""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from release_tools.preflight import preflight
from release_tools.verification import checks

# The output file: a JSON object of lists by the name of the check.
OUTCOMES_VARIABLE: Final = "OUTCOMES_OF_DISABLED_CHECKS"


def passes(*_args: Any, **_kwargs: Any) -> str:
    """Replace a check."""
    return "disabled"


def finds_nothing(*_args: Any, **_kwargs: Any) -> list[Any]:
    """Replace a part of preflight."""
    return []


_shown: Final[dict[str, str]] = {}
_outcomes: Final[dict[str, list[str]]] = defaultdict(list)


def pytest_configure() -> None:
    # Before any test imports them.
    for check in checks.CHECKS:
        setattr(sys.modules[check.run.__module__], check.run.__name__, passes)
    for part in [name for name in vars(preflight) if name.endswith("_problems")]:
        setattr(preflight, part, finds_nothing)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _shown.update({item.nodeid: mark.args[0] for item in items for mark in item.iter_markers("shows_failing")})
    items[:] = [item for item in items if item.nodeid in _shown]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # A failing set-up says nothing about the check.
    if report.when == "call" or report.failed:
        _outcomes[_shown[report.nodeid]].append(report.outcome if report.when == "call" else "error")


def pytest_sessionfinish() -> None:
    Path(os.environ[OUTCOMES_VARIABLE]).write_text(json.dumps(_outcomes), encoding="utf-8")
