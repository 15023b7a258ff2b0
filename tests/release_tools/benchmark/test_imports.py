"""The order in which scenarios import modules, of a tiny app whose program is a script."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.archives import EXECUTABLE_MODE, Member, write_archive
from release_tools.benchmark.imports import record_import_order
from release_tools.errors import CommandFailedError, NoScenariosError, NothingToMeasureError
from release_tools.freeze.runtime.interpreter import DEPTH_VARIABLE
from release_tools.platforms import host_platform
from release_tools.settings import ReleaseSettings
from tests.release_tools.benchmark.programs import posix

HOST = host_platform()
APP = """
import sys

def main():
    import json.tool
    try:
        import needs_more
    except ImportError:
        pass
    match sys.argv[1:]:
        case ["--version"]:
            print("tiny 1.0")
        case ["greet"]:
            import colorsys
        case _:
            return 1
"""


@pytest.fixture
def project_with_build(settings: ReleaseSettings, tmp_path: Path) -> ReleaseSettings:
    (tmp_path / "scenarios").mkdir()
    modules = tmp_path / "modules"
    (modules / "tiny_app").mkdir(parents=True)
    (modules / "tiny_app" / "cli.py").write_text(APP, encoding="utf-8")
    (modules / "needs_more.py").write_text("import what_is_missing", encoding="utf-8")
    # The interpreter that a frozen program is when it has started itself.
    program = tmp_path / "program"
    program.write_text(
        f'#!/bin/sh\ntest -n "${DEPTH_VARIABLE}" && PYTHONPATH="{modules}" exec "{sys.executable}" "$@"\n',
        encoding="utf-8",
    )
    settings.dist_folder.mkdir()
    archive = settings.dist_folder / f"{settings.executable}-dev-{HOST.name}{HOST.archive_suffix}"
    write_archive(archive, [Member(name=settings.executable, path=program, mode=EXECUTABLE_MODE)], 0)
    return replace(settings, benchmarks=tmp_path / "scenarios")


def write_scenario(settings: ReleaseSettings, command: str) -> None:
    assert settings.benchmarks
    text = f'[[scenarios]]\nname = "greeting"\ncommand = ["{command}"]\n'
    (settings.benchmarks / "benchmarks.toml").write_text(text, encoding="utf-8")


@posix
@pytest.mark.programs
def test_modules_are_in_the_order_of_their_imports(project_with_build: ReleaseSettings) -> None:
    write_scenario(project_with_build, "greet")
    shown: list[str] = []
    path = record_import_order(project_with_build, HOST, shown.append)
    assert path == project_with_build.benchmarks / "import-order.txt" if project_with_build.benchmarks else False
    names = path.read_text(encoding="utf-8").splitlines()
    expected = ["tiny_app.cli", "json", "json.tool", "needs_more", "colorsys"]
    assert [name for name in names if name in expected] == expected
    assert "sys" not in names
    assert len(names) == len(set(names))
    assert len(shown) == 2


@posix
@pytest.mark.programs
def test_scenario_that_fails_writes_nothing(project_with_build: ReleaseSettings) -> None:
    write_scenario(project_with_build, "fail")
    with pytest.raises(CommandFailedError):
        record_import_order(project_with_build, HOST, lambda _: None)
    assert project_with_build.benchmarks
    assert not (project_with_build.benchmarks / "import-order.txt").exists()


def test_order_needs_a_place_and_a_build(settings: ReleaseSettings, tmp_path: Path) -> None:
    with pytest.raises(NoScenariosError):
        record_import_order(settings, HOST, lambda _: None)
    with pytest.raises(NothingToMeasureError):
        record_import_order(replace(settings, benchmarks=tmp_path), HOST, lambda _: None)
