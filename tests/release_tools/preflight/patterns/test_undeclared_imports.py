import pytest

from tests.release_tools.preflight.conftest import FindProblems


@pytest.mark.parametrize(
    "source",
    [
        "import rich.table",
        "def main():\n    from rich import print",
        "try:\n    import rich\nexcept ValueError:\n    pass",
        "try:\n    import json\nexcept ImportError:\n    import rich",
    ],
)
def test_import_of_build_only_module_is_found(problems_of: FindProblems, source: str) -> None:
    (problem,) = problems_of(source, tools=("rich",))
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
def test_optional_import_of_build_only_module_is_fine(problems_of: FindProblems, source: str) -> None:
    assert problems_of(source, tools=("rich",)) == []
