from pathlib import Path

import pytest

from release_tools.preflight.path_files import path_file_notes, path_file_problems
from tests.release_tools.installed import install


@pytest.mark.parametrize("text", ["import tiny_app.patches\n", "./vendored\nimport\ttiny_app.patches"])
def test_path_file_with_code_is_found(tmp_path: Path, text: str) -> None:
    project = install(tmp_path, "tiny-app", {"tiny_app.pth": text})
    (problem,) = path_file_problems(project)
    assert problem.what.startswith("tiny_app.pth ")
    (note,) = path_file_notes([project])
    assert "tiny_app.pth of tiny-app 1.0" in note


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tiny_app.pth", "./vendored\n# import nothing\n"),
        ("tiny_app/data.pth", "import os\n"),
        ("tiny-nspkg.pth", "import sys, types\n"),
        ("distutils-precedence.pth", "import os; __import__('_distutils_hack').add_shim()\n"),
    ],
)
def test_other_path_file_is_fine(tmp_path: Path, name: str, text: str) -> None:
    project = install(tmp_path, "tiny-app", {name: text})
    assert path_file_problems(project) == []
    assert path_file_notes([project]) == ()
