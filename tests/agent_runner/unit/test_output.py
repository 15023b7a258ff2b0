"""What reaches the terminal."""

import pytest

from agent_runner.errors import ModelError
from agent_runner.output import Reporter

HOSTILE = "quota\x1b]0;title\x07 used\r up\n\tsee"


def test_what_a_server_says_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter()

    reporter.failed(ModelError(HOSTILE, HOSTILE))
    reporter.warn(HOSTILE)
    reporter.note(HOSTILE)

    shown = "quota�]0;title� used� up\n\tsee"
    lines = [f"error: {shown}", f"hint: {shown}", f"warning: {shown}", "quota�]0;title� used up see"]
    assert capsys.readouterr().err == "\n".join(lines) + "\n"
