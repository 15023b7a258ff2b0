import os
from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.benchmark.scenarios import (
    AppBenchmarks,
    Scenario,
    prepare_folder,
    read_benchmarks,
    running_service,
)
from release_tools.errors import BenchmarkServiceError, SettingsError
from release_tools.settings import ReleaseSettings

GOOD = """
service = "service.py"
plain-options = ["--collect-data", "x"]
[goals]
download = 0.5
[[scenarios]]
name = "hello"
command = ["hello"]
until = "token"
goal = 0.4
[[scenarios]]
name = "plain hello"
command = ["hello", "-q"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "service.py").write_text("", encoding="utf-8")
    return folder


def read(settings: ReleaseSettings, folder: Path, text: str) -> AppBenchmarks:
    (folder / "benchmarks.toml").write_text(text, encoding="utf-8")
    return read_benchmarks(replace(settings, benchmarks=folder))


def test_scenarios_come_from_the_file(settings: ReleaseSettings, folder: Path) -> None:
    benchmarks = read(settings, folder, GOOD)
    assert benchmarks.scenarios == (
        Scenario(name="hello", command=("hello",), until="token", goal=0.4),
        Scenario(name="plain hello", command=("hello", "-q")),
    )
    assert benchmarks.goals == {"download": 0.5}
    assert benchmarks.plain_options == ("--collect-data", "x")


def test_smoke_commands_are_timed_without_a_file(settings: ReleaseSettings) -> None:
    benchmarks = read_benchmarks(replace(settings, smoke_commands=(("greet", "formal"),)))
    assert [one.command for one in benchmarks.scenarios] == [("greet", "formal")]


@pytest.mark.parametrize(
    "text",
    [
        "scenario = []",
        'service = "missing.py"',
        "plain-options = [1]",
        "goals = {speed = 1}",
        "goals = {download = 0}",
        'scenarios = [{name = "x"}]',
        'scenarios = [{name = "x", command = ["x"], unknown = 1}]',
    ],
)
def test_invalid_file_is_an_error(settings: ReleaseSettings, folder: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(settings, folder, text)
    assert len(caught.value.problems) == 1


def test_each_start_gets_fresh_files(settings: ReleaseSettings, folder: Path, tmp_path: Path) -> None:
    benchmarks = read(settings, folder, GOOD)
    for _ in range(2):
        work = prepare_folder(benchmarks, tmp_path / "work")
        assert {path.name for path in work.iterdir()} == {"benchmarks.toml", "service.py"}
        (work / "left over").touch()


@pytest.mark.programs
def test_service_runs_during_the_block(settings: ReleaseSettings, folder: Path) -> None:
    (folder / "service.py").write_text(
        "print('A=1=2\\nready', flush=True)\nimport threading\nthreading.Event().wait()\n", encoding="utf-8"
    )
    with running_service(read(settings, folder, GOOD), os.environ) as variables:
        assert variables == {"A": "1=2"}


@pytest.mark.programs
def test_service_that_ends_is_an_error(settings: ReleaseSettings, folder: Path) -> None:
    (folder / "service.py").write_text("print('A=1')\nraise SystemExit('no port')\n", encoding="utf-8")
    with (
        pytest.raises(BenchmarkServiceError) as caught,
        running_service(read(settings, folder, GOOD), os.environ),
    ):
        pytest.fail("it isn't ready")
    assert "no port" in caught.value.output
