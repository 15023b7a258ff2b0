import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.freeze import pyinstaller
from release_tools.freeze.start_pyinstaller import LATE_USER_OF_TOOLS, USERS_OF_TOOLS

pytestmark = pytest.mark.programs

# What a PyInstaller finds when it runs: its own version of a library, the one that an import finds then, and its path.
SHOW = """
import sys
def run(arguments):
    import PyInstaller.building.build_main as used, shared, only_a_tool
    print(used.shared.OWNER, shared.OWNER, only_a_tool.OWNER, *arguments)
    print(*sys.path, sep="\\n")
"""


# What a module sees that is imported late, after PyInstaller.
SHOW_LATE = """
def run(_):
    import importlib
    late = importlib.import_module(%r)
    import lief
    print(late.lief.OWNER, lief.OWNER)
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], list[str]]:
    """Starts a PyInstaller from the tools, in an app that has a PyInstaller and a library of the tools too."""
    files = {
        "tools/PyInstaller/__init__.py": "",
        "tools/PyInstaller/__main__.py": SHOW,
        "tools/PyInstaller/building/__init__.py": "",
        "tools/PyInstaller/building/build_main.py": "import shared, only_a_tool",
        "tools/shared.py": "OWNER = 'tools'",
        "tools/only_a_tool.py": "OWNER = 'tools'",
        "tools/lief.py": "OWNER = 'tools'",
        **{f"library/{name.replace('.', '/')}.py": "" for name in USERS_OF_TOOLS if name.startswith("release_tools.")},
        f"library/{LATE_USER_OF_TOOLS.replace('.', '/')}.py": "import lief",
        "app/PyInstaller/__init__.py": "raise SystemExit('of the app')",
        "app/shared.py": "OWNER = 'app'",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run() -> list[str]:
        tools, library = (str(tmp_path / name) for name in ("tools", "library"))
        command = [sys.executable, "-P", "-S", str(pyinstaller.STARTER), tools, library, "--clean"]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "app")}
        finished = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.splitlines()

    return run


def test_pyinstaller_uses_its_own_versions_and_finds_the_apps(start: Callable[[], list[str]], tmp_path: Path) -> None:
    shown, *path = start()
    assert shown == "tools app tools --clean"
    assert (path[0], path[-1]) == (str(tmp_path / "app"), str(tmp_path / "tools"))
    assert str(tmp_path / "library") not in path


@pytest.mark.parametrize(("has_its_own", "shown"), [(True, "tools app"), (False, "tools tools")])
def test_what_is_imported_late_uses_the_tools_version(
    start: Callable[[], list[str]], tmp_path: Path, has_its_own: bool, shown: str
) -> None:
    (tmp_path / "tools" / "PyInstaller" / "__main__.py").write_text(SHOW_LATE % LATE_USER_OF_TOOLS, encoding="utf-8")
    if has_its_own:
        (tmp_path / "app" / "lief.py").write_text("OWNER = 'app'", encoding="utf-8")
    assert start() == [shown]
