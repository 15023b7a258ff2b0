"""Usage errors, which end the program before it imports or starts anything."""

import pytest

from agent_runner.cli import main


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "run,resume,runs,submit,worker,cancel,doctor"),
        (["walk"], "walk"),
        (["run"], "AGENT.yaml"),
        (["run", "a.yaml", "hi", "--timeout", "0"], "--timeout"),
        (["run", "a.yaml", "hi", "--timeout", "inf"], "--timeout"),
        (["run", "-q", "-v", "a.yaml", "hi"], "--quiet"),
        (["run", "a.yaml", "-q", "hi", "again"], "again"),
        (["resume"], "RUN_ID"),
        (["resume", "1a2b", "--last"], "--last"),
        (["resume", "--last", "--store", "postgresql://localhost/runs"], "--last"),
        (["runs", "--store", "sqlite:///runs.db"], "PostgreSQL"),
        (["worker", "--concurrency", "0"], "--concurrency"),
    ],
)
def test_usage_error_names_argument(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2

    shown = capsys.readouterr()
    assert shown.out == ""
    assert named in shown.err.splitlines()[0]


def test_invalid_log_level_is_environment_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AGENT_RUNNER_LOG", "loud")

    assert main(["doctor"]) == 2
    assert "AGENT_RUNNER_LOG" in capsys.readouterr().err
