"""Fixtures: the program, a scripted model server, and a lifeline that shows whether a child is alive."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .model_server import ModelServer
from .program import SLOWNESS, Lifeline, Program


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Scale this directory's timeouts to the machine's speed, and begin with the tests of the store."""
    seconds = float(config.getini("timeout")) * SLOWNESS
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(seconds))
    # The longest ones, so that no processor waits for them at the end.
    items.sort(key=lambda item: item.path != Path(__file__).with_name("test_store.py"))


@pytest.fixture(scope="session", autouse=True)
def _default_interrupt() -> None:
    """Restore SIGINT, which children inherit as ignored if a script runs this suite in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The program, which must leave its temporary directory empty."""
    folder, temporary_folder = tmp_path / "work", tmp_path / "temporary"
    folder.mkdir()
    temporary_folder.mkdir()
    yield Program(folder, temporary_folder)
    assert list(temporary_folder.iterdir()) == []


@pytest.fixture
def model_server(program: Program) -> Iterator[ModelServer]:
    """A model endpoint on loopback, which the program uses for `openai:` and `openai-chat:` models."""
    with ModelServer() as server:
        program.environment["OPENAI_BASE_URL"] = server.url
        yield server


@pytest.fixture
def lifeline() -> Iterator[Lifeline]:
    """Shows whether a child is alive."""
    with Lifeline() as line:
        yield line


@pytest.fixture
def stdio_server() -> str:
    """An MCP server's `command` and `args`, for a YAML flow mapping."""
    script = Path(__file__).with_name("mcp_stdio_server.py")
    return f"command: {json.dumps(sys.executable)}, args: [{json.dumps(str(script))}]"
