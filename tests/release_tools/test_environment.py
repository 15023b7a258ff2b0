import sys
from pathlib import Path

import pytest

from release_tools.commands import changed_environment
from release_tools.environment import create_environment, isolation
from release_tools.lockfile import content_hash
from release_tools.settings import ReleaseSettings


@pytest.mark.parametrize(
    "name", ["PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "PYTHONINSPECT", "PYTEST_ADDOPTS", "VIRTUAL_ENV"]
)
def test_the_callers_own_settings_of_python_and_pytest_stay_outside(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MINE", "1")
    changed = changed_environment(isolation([name, "MINE"]))
    assert name not in changed
    assert changed["MINE"] == "1"


@pytest.mark.programs
def test_a_kept_environment_whose_making_was_interrupted_is_made_anew(project: Path) -> None:
    running = ".".join(map(str, sys.version_info[:2]))
    (project / ".python-version").write_text(running, encoding="utf-8")
    settings = ReleaseSettings.load(project)
    settings.lock_path.write_text(
        f'package = []\n[metadata]\nlock-version = "2.1"\ncontent-hash = "{content_hash(settings.pyproject)}"\n',
        encoding="utf-8",
    )
    folder = settings.build_folder("here") / "kept"
    python = create_environment(settings, folder, ["main"], is_kept=True)
    (folder / "pyvenv.cfg").unlink()
    assert create_environment(settings, folder, ["main"], is_kept=True) == python
    assert (folder / "pyvenv.cfg").is_file()
