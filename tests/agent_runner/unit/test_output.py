"""Control characters never reach the terminal, and the end is reported once."""

import json
import threading

import pytest

from agent_runner import output
from agent_runner.errors import ModelError, TimeLimitReachedError
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


@pytest.mark.parametrize(
    "text",
    [
        "p@ss /wörd",
        "http://e.org/?t=p%40ss%20%2Fw%C3%B6rd",
        "http://e.org/?t=p@ss%20/w%C3%B6rd",
        "t=p%40ss+%2Fw%C3%B6rd",
        "a second line",
        "first p@ss /w…",
        "http://user:p@ss:w@rd@e.org/",
    ],
)
def test_secrets_are_hidden_in_every_form(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(output, "_hidden", {})
    output.hide("p@ss /wörd\na second line", "${X}")

    shown = output.without_secrets(text)

    assert [part for part in ("ss", "second") if part in shown] == []


def test_end_is_reported_once(capfd: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(as_json=True)
    reporter.interrupted(TimeLimitReachedError("stopped", "wait"), status="failed")

    late = threading.Thread(target=reporter.completed, args=("late",), daemon=True)
    late.start()
    late.join(timeout=0.5)

    assert late.is_alive()
    assert json.loads(capfd.readouterr().out)["error"]["kind"] == "timeout"


def test_interruption_of_a_reported_end_adds_no_document(capfd: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(as_json=True)
    reporter.completed("answer")

    watchdog = threading.Thread(target=reporter.interrupted, args=(TimeLimitReachedError("stopped", "wait"),))
    watchdog.start()
    watchdog.join()

    captured = capfd.readouterr()
    assert json.loads(captured.out)["output"] == "answer"
    assert captured.err
