"""Control characters never reach the terminal."""

import pytest

from agent_runner.errors import ModelError
from agent_runner.output import Reporter

HOSTILE = "quota\x1b]0;title\x07 used\r up,\u202e\x9bsee\r\n\tthe 日本\u3000page"


def test_control_characters_are_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter()

    reporter.failed(ModelError(HOSTILE, HOSTILE))
    reporter.warn(HOSTILE)
    reporter.note(HOSTILE)

    shown = "quota�]0;title� used� up,��see\n\tthe 日本\u3000page"
    lines = [f"error: {shown}", f"hint: {shown}", f"warning: {shown}", "quota�]0;title� used up,��see the 日本 page"]
    assert capsys.readouterr().err == "\n".join(lines) + "\n"
