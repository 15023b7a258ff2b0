import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from agent_runner.garbage_collection import collection_paused, resume_collection


@pytest.fixture(autouse=True)
def _unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_while_paused_and_it_goes_on_afterwards() -> None:
    with collection_paused():
        assert not gc.isenabled()

    assert gc.isenabled()


def test_what_was_loaded_is_not_looked_at_again() -> None:
    with collection_paused():
        before = gc.get_freeze_count()
        resume_collection()

        assert gc.isenabled()
        assert gc.get_freeze_count() > before


def test_collection_goes_on_after_a_failure() -> None:
    with pytest.raises(ValueError, match="broken"), collection_paused():
        raise ValueError("broken")

    assert gc.isenabled()


def test_the_agent_itself_runs_with_collection() -> None:
    seen = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    assert seen == ["True"]


PROGRAM = """
import asyncio, gc, pathlib, tempfile
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
