import os
import sys
from pathlib import Path

import pytest

from release_tools.freeze.runtime import program_name

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows looks for programs in other places too")


def test_bare_name_gets_the_folder_where_the_shell_found_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tiny").touch(0o755 if name == "second" else 0o644)
    monkeypatch.setenv("PATH", os.pathsep.join(["", str(tmp_path / "first"), str(tmp_path / "second")]))
    monkeypatch.setattr(sys, "argv", ["tiny", "run"])
    program_name.install()
    assert sys.argv == [str(tmp_path / "second/tiny"), "run"]


def test_unknown_name_gets_the_folder_of_the_executable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["tiny"])
    monkeypatch.setattr(sys, "executable", "/opt/tiny-1.0/tiny")
    program_name.install()
    assert sys.argv == ["/opt/tiny-1.0/tiny"]


@pytest.mark.parametrize("name", ["./tiny", "/opt/tiny", "bin/tiny"])
def test_path_stays_as_it_was_typed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    program_name.install()
    assert sys.argv == [name]
