import io

import pytest
from rich.console import Console


@pytest.fixture
def output() -> io.StringIO:
    """What `console` printed."""
    return io.StringIO()


@pytest.fixture
def console(output: io.StringIO) -> Console:
    return Console(file=output, width=120)
