import compileall
import runpy
import sys
from pathlib import Path

import pytest

from release_tools.binaries import compression
from release_tools.freeze.plan import make_plan, write_launcher
from release_tools.platforms import find_platform
from release_tools.settings import ReleaseSettings
from tests.release_tools.installed import environment_of, install


def test_launcher_calls_freeze_support_before_importing_the_app(settings: ReleaseSettings) -> None:
    launcher = write_launcher(settings, "1.0", settings.root)
    text = launcher.read_text(encoding="utf-8")
    assert text.index("multiprocessing.freeze_support()") < text.index("from tiny_app.cli import main")
    assert compileall.compile_file(str(launcher), quiet=1)


def test_launcher_tells_the_app_its_version(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "frozen_version", raising=False)
    # As a worker process does, which must not start the app.
    runpy.run_path(str(write_launcher(settings, "1.2+dev", settings.root)), run_name="__mp_main__")
    assert vars(sys).pop("frozen_version") == "1.2+dev"


def test_launcher_shadows_no_module(settings: ReleaseSettings, tmp_path: Path) -> None:
    launcher = write_launcher(settings, "1.0", tmp_path)
    assert not launcher.stem.isidentifier()
    assert [path.name for path in launcher.parent.iterdir()] == ["start-tiny.py"]


def test_quick_build_compresses_less(settings: ReleaseSettings, tmp_path: Path) -> None:
    installed = environment_of(install(tmp_path, "tiny-app", {"tiny_app/__init__.py": ""}))
    plans = [
        make_plan(settings, installed, find_platform("linux-amd64"), tmp_path / str(is_quick), is_quick=is_quick)
        for is_quick in (False, True)
    ]
    assert [plan.compression_level for plan in plans] == [compression.BEST_LEVEL, compression.FASTEST_LEVEL]


def test_recorded_file_that_is_not_installed_is_left_to_the_check(settings: ReleaseSettings, tmp_path: Path) -> None:
    own = install(tmp_path, "tiny-app", {"tiny_app/__init__.py": "", "tiny_app/hello.txt": "hello"})
    (tmp_path / "tiny_app" / "hello.txt").unlink()
    plan = make_plan(settings, environment_of(own), find_platform("linux-amd64"), tmp_path / "freeze")
    assert "tiny_app/hello.txt" not in dict(plan.files)
    assert "tiny_app-1.0.dist-info/METADATA" in dict(plan.files)
