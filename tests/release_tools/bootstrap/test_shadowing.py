from pathlib import Path

import pytest

from release_tools.bootstrap.shadowing import shadowing_problems


@pytest.mark.parametrize("name", ["platform/__init__.py", "queue.py"])
def test_a_module_named_like_the_standard_library_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    (problem,) = shadowing_problems(tmp_path)
    top = name.partition("/")[0]
    assert problem.what.startswith(f"{top} in the project's folder has the name of the standard library's")


@pytest.mark.parametrize("name", ["agent/__init__.py", "noxfile.py", "email/notes.txt", "src/platform/__init__.py"])
def test_other_names_and_folders_without_modules_are_no_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert shadowing_problems(tmp_path) == []
