"""What is answered before the program imports or starts anything."""

import io
import subprocess
import sys

import pytest

from agent_runner.cli import main


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "run,resume,runs,submit,worker,cancel,doctor,schema"),
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


def test_version_of_the_build_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "frozen_version", "1.2+dev", raising=False)

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "agent-runner 1.2+dev\n"


@pytest.mark.programs
def test_version_imports_next_to_nothing() -> None:
    code = "import sys; sys.frozen_version = '1'; from agent_runner.cli import main; main(['--version'])"
    listing = f"{code}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", listing], capture_output=True, check=True, text=True).stdout.split()

    slow = {
        "argparse",
        "dataclasses",
        "importlib.metadata",
        "inspect",
        "json",
        "logging",
        "pathlib",
        "shutil",
        "traceback",
    }
    # What the environment of the tests imports at every start isn't the program's.
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, check=True, text=True
    ).stdout.split()
    assert not slow & set(modules) - set(bare)


def test_version_that_nobody_reads_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["--version"]) == 0
