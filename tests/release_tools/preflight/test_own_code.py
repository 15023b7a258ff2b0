from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.preflight.own_code import own_code_problems
from tests.release_tools.installed import install


@pytest.fixture
def problems_of(tmp_path: Path) -> Callable[..., list[str]]:
    """The problems of a project whose only module has this source."""

    def find(source: str, build_only: tuple[str, ...] = ()) -> list[str]:
        project = install(tmp_path, "tiny-app", {"tiny_app/cli.py": source, "tiny_app/multiprocessing.txt": ""})
        return [problem.what for problem in own_code_problems(project, build_only)]

    return find


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("import multiprocessing\npool = multiprocessing.Pool(2)", "multiprocessing.Pool"),
        ("import multiprocessing as mp\nif True:\n    mp.Process(target=print).start()", "mp.Process"),
        ("from multiprocessing import Manager\nclass A:\n    shared = Manager().dict()", "Manager"),
    ],
)
def test_process_started_at_import_is_found(problems_of: Callable[..., list[str]], source: str, call: str) -> None:
    (problem,) = problems_of(source)
    assert f"{call}(…)" in problem


@pytest.mark.parametrize(
    "source",
    [
        "import multiprocessing\ndef main():\n    multiprocessing.Pool(2)",
        "import multiprocessing\nif __name__ == '__main__':\n    multiprocessing.Pool(2)",
        "import multiprocessing\nmake = lambda: multiprocessing.Pool(2)",
        "from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "from elsewhere import Pool  # not multiprocessing\npool = Pool(2)",
    ],
)
def test_process_started_later_is_fine(problems_of: Callable[..., list[str]], source: str) -> None:
    assert problems_of(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import rich.table",
        "def main():\n    from rich import print",
        "try:\n    import rich\nexcept ValueError:\n    pass",
        "try:\n    import json\nexcept ImportError:\n    import rich",
    ],
)
def test_import_of_build_only_module_is_found(problems_of: Callable[..., list[str]], source: str) -> None:
    (problem,) = problems_of(source, ("rich",))
    assert problem.startswith("tiny_app/cli.py:")
    assert "rich" in problem


@pytest.mark.parametrize(
    "source",
    [
        "import richer",
        "from .rich import table",
        "try:\n    import rich\nexcept ImportError:\n    rich = None",
        "try:\n    import rich\nexcept (KeyError, ModuleNotFoundError):\n    rich = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rich",
        "name = 'rich'",
    ],
)
def test_optional_import_of_build_only_module_is_fine(problems_of: Callable[..., list[str]], source: str) -> None:
    assert problems_of(source, ("rich",)) == []
