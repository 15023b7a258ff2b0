"""What the project's own sources say that does not survive the freeze."""

import re
from pathlib import Path

import pytest

from release_tools.preflight.own_code import own_code_problems


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    metadata = tmp_path / "tiny_app-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: tiny-app\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "RECORD").write_text("tiny_app/cli.py,,\ntiny_app/exit.txt,,\n", encoding="utf-8")
    (tmp_path / "tiny_app").mkdir()
    return tmp_path


def problems_of(site: Path, source: str, build_only: tuple[str, ...] = ()) -> list[str]:
    (site / "tiny_app" / "cli.py").write_text(source, encoding="utf-8")
    return [problem.what for problem in own_code_problems("tiny-app", build_only)]


@pytest.mark.parametrize("name", ["exit", "quit"])
def test_a_bare_call_is_found_with_file_and_line(site: Path, name: str) -> None:
    assert problems_of(site, f"def main():\n    if True:\n        {name}(1)\n") == [
        f"tiny_app/cli.py:3 calls {name}(), which a frozen program does not have"
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nsys.exit(1)",
        "from sys import exit\nexit(1)",
        "from elsewhere import leave as exit\nexit(1)",
        "from elsewhere import *\nexit(1)",
        "def main(exit):\n    exit(1)",
        "class Shell:\n    def exit(self): ...\nShell().exit()",
        "exit = print\nexit(1)",
        "print('exit(1)')  # exit()",
        "this is no Python: exit(1)",
    ],
)
def test_a_name_that_the_module_gives_a_meaning_itself_is_no_problem(site: Path, source: str) -> None:
    assert problems_of(site, source) == []


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("import multiprocessing\npool = multiprocessing.Pool(2)", "multiprocessing.Pool"),
        ("import multiprocessing as mp\nif True:\n    mp.Process(target=print).start()", "mp.Process"),
        ("from multiprocessing import Manager\nclass A:\n    shared = Manager().dict()", "Manager"),
    ],
)
def test_processes_that_an_import_starts_are_found(site: Path, source: str, call: str) -> None:
    found = problems_of(site, source)
    assert len(found) == 1
    assert f"starts processes while the module is imported: {call}(…)" in found[0]


@pytest.mark.parametrize(
    "source",
    [
        "import multiprocessing\ndef main():\n    multiprocessing.Pool(2)",
        "import multiprocessing\nif __name__ == '__main__':\n    multiprocessing.Pool(2)",
        "import multiprocessing\nmake = lambda: multiprocessing.Pool(2)",
        "from multiprocessing.pool import ThreadPool\npool = ThreadPool(2)",
        "from elsewhere import Pool  # no multiprocessing\npool = Pool(2)",
    ],
)
def test_processes_that_are_started_later_are_no_problem(site: Path, source: str) -> None:
    assert problems_of(site, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import rich.table",
        "def main():\n    from rich import print",
        "try:\n    import rich\nexcept ValueError:\n    pass",
        "try:\n    import json\nexcept ImportError:\n    import rich",
    ],
)
def test_an_import_of_what_only_the_build_needs_is_found(site: Path, source: str) -> None:
    (problem,) = problems_of(site, source, ("rich",))
    assert re.fullmatch(r"tiny_app/cli.py:\d imports rich(\.table)?, which is there for the build only: .*", problem)


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
def test_what_the_app_can_do_without_is_no_problem(site: Path, source: str) -> None:
    assert problems_of(site, source, ("rich",)) == []
