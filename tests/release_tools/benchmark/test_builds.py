import sys
from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.benchmark.builds import (
    OwnBuild,
    PlainBuild,
    build_with_cx_freeze,
    change_line,
    launcher_code,
    module_file,
)
from release_tools.errors import CommandFailedError, NothingToMeasureError, PlainBuildError
from release_tools.platforms import host_platform
from release_tools.reporting.records import CheckResult, write_record
from release_tools.settings import ReleaseSettings
from tests.release_tools.reporting.sample_records import GOOD

HOST = host_platform()


def make_plain(settings: ReleaseSettings, *options: str) -> PlainBuild:
    return PlainBuild(
        folder=settings.root / "plain", python=Path(sys.executable), settings=settings, platform=HOST, options=options
    )


@pytest.mark.programs
def test_failing_plain_build_names_the_log(settings: ReleaseSettings) -> None:
    plain = make_plain(settings, "--no-such-option")
    with pytest.raises(PlainBuildError) as caught:
        plain.seconds()
    assert "--no-such-option" in caught.value.log.read_text(encoding="utf-8")
    assert "plain-options" in caught.value.hint


@pytest.mark.programs
def test_failing_peer_names_the_log(settings: ReleaseSettings) -> None:
    # The tests' environment doesn't have it.
    with pytest.raises(PlainBuildError) as caught:
        build_with_cx_freeze(Path(sys.executable), settings, HOST, settings.root / "peer")
    assert (caught.value.tool, caught.value.log.is_file()) == ("cx_Freeze", True)


@pytest.mark.programs
def test_failing_own_build_names_the_clone(settings: ReleaseSettings) -> None:
    (settings.root / "noxfile.py").write_text("raise SystemExit('broken')", encoding="utf-8")
    own = OwnBuild(clone=settings.root, nox_python=Path(sys.executable), settings=settings, platform=HOST)
    with pytest.raises(CommandFailedError) as caught:
        own.seconds()
    assert str(settings.root) in caught.value.hint


def test_stages_come_from_the_record(settings: ReleaseSettings) -> None:
    own = OwnBuild(clone=settings.root, nox_python=Path(sys.executable), settings=settings, platform=HOST)
    with pytest.raises(NothingToMeasureError):
        own.stage_seconds()
    own.build_folder.mkdir(parents=True)
    checks = [
        CheckResult(name=name, verdict="passed", figure="", seconds=seconds)
        for name, seconds in (("version", 0.5), ("black-box tests", 1.5))
    ]
    write_record(replace(GOOD, stages={"freeze": 2.5}, checks=checks), own.build_folder / "record.json")
    assert [*own.stage_seconds().values()] == [2.5, 1.5]


def test_launcher_calls_the_entry_point(settings: ReleaseSettings) -> None:
    code = launcher_code(replace(settings, entry_point="pkg.cli:App.main"))
    assert "from pkg.cli import App\n" in code
    assert code.endswith("sys.exit(App.main())\n")


@pytest.mark.parametrize("place", ["tiny_app/cli.py", "src/tiny_app/cli.py", "tiny_app/cli/__init__.py"])
def test_module_of_the_entry_point_is_found(settings: ReleaseSettings, place: str) -> None:
    path = settings.root / place
    path.parent.mkdir(parents=True)
    path.touch()
    assert module_file(settings.root, settings) == path


def test_missing_module_is_an_error(settings: ReleaseSettings) -> None:
    with pytest.raises(NothingToMeasureError):
        module_file(settings.root, settings)


def test_one_line_changes_and_is_restored(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("first = 1\nsecond = 2\n", encoding="utf-8")
    before = path.read_bytes()
    for number in (1, 2):
        change_line(path, number)
        lines = path.read_text(encoding="utf-8").splitlines()
        assert (len(lines), lines[-1][-1]) == (3, str(number))
    change_line(path, None)
    assert path.read_bytes() == before
