"""Pausing the garbage collector."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from agent_runner.garbage_collection import collection_paused, resume_collection

SHOW_COLLECTION_DURING_RUN = """
import gc, pathlib, tempfile
from pydantic_ai import Agent
from agent_runner.cli import main

async def run(self, *args, **kwargs):
    print(gc.isenabled(), flush=True)
    raise SystemExit

Agent.run = run
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "agent.yaml")
    path.write_text("model: test")
    main(["run", str(path), "hi", "-q"])
"""


@pytest.fixture(autouse=True)
def _unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_collection_is_paused_in_block() -> None:
    with collection_paused():
        assert not gc.isenabled()

    assert gc.isenabled()


def test_resuming_exempts_existing_objects() -> None:
    with collection_paused():
        before = gc.get_freeze_count()
        resume_collection()

        assert gc.isenabled()
        assert gc.get_freeze_count() > before


def test_collection_resumes_after_exception() -> None:
    with pytest.raises(ValueError, match="broken"), collection_paused():
        raise ValueError("broken")

    assert gc.isenabled()


def test_collection_is_enabled_during_run() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW_COLLECTION_DURING_RUN], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert shown.split() == ["True"]
