"""What every test of this suite gets: the program, a model server, a way to see that a child is gone."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .model_server import ModelServer
from .program import SLOWNESS, Lifeline, Program


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test of this folder as many times longer as the machine is slower."""
    seconds = float(config.getini("timeout")) * SLOWNESS
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session", autouse=True)
def _default_interrupt() -> None:
    """Let children see Ctrl-C, also where this suite runs in the background of a script, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The program, which must have left nothing in its temporary folder when the test ends."""
    folder, temporary_folder = tmp_path / "work", tmp_path / "temporary"
    folder.mkdir()
    temporary_folder.mkdir()
    yield Program(folder, temporary_folder)
    assert list(temporary_folder.iterdir()) == []


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A model endpoint on loopback."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def lifeline() -> Iterator[Lifeline]:
    """Tells whether a child is alive."""
    with Lifeline() as line:
        yield line


@pytest.fixture
def stdio_server() -> str:
    """The entry of an agent file for an MCP server, as a YAML mapping without the closing brace."""
    script = Path(__file__).with_name("mcp_stdio_server.py")
    return f"command: {json.dumps(sys.executable)}, args: [{json.dumps(str(script))}]"
