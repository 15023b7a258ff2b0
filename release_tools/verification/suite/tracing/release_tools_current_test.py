# ruff: noqa: INP001
"""A pytest plugin that records the running test for child processes that don't get PYTEST_CURRENT_TEST."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "current"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Write the test's name to the file that a child process reads."""
    (FOLDER / str(os.getpid())).write_text(item.nodeid, encoding="utf-8")
    return (yield)
