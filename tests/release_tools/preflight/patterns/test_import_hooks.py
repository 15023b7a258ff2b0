from pathlib import Path

import pytest

from release_tools.preflight.patterns.import_hooks import import_hook_notes
from tests.release_tools.installed import install
from tests.release_tools.preflight.conftest import FindProblems

LIBRARIES: dict[str, dict[str, str]] = {"beartype": {}, "jaxtyping": {}, "typeguard": {}}


@pytest.mark.parametrize(
    ("source", "cure"),
    [
        ("from beartype.claw import beartype_this_package\nbeartype_this_package()", "beartype.beartype"),
        ("import beartype.claw as claw\nclaw.beartype_packages(['a'])", "beartype.beartype"),
        ("import typeguard\ndef main():\n    typeguard.install_import_hook('a')", "typeguard.typechecked"),
        (
            "from jaxtyping import install_import_hook as hook\nwith hook('a', 'b.c'):\n    import a",
            "jaxtyping.jaxtyped",
        ),
    ],
)
def test_hook_that_rewrites_source_is_found(problems_of: FindProblems, source: str, cure: str) -> None:
    (problem,) = problems_of(source, needs=LIBRARIES)
    assert problem.startswith("tiny_app/cli.py:")
    assert cure in problem


@pytest.mark.parametrize(
    "source",
    [
        "from beartype import beartype\n@beartype\ndef main(): ...",
        "import os, typeguard\nif os.environ.get('CHECK'):\n    typeguard.install_import_hook('a')",
        "import sys\nimport typeguard\nsys.meta_path.insert(0, Finder())",
    ],
)
def test_other_uses_of_these_libraries_are_fine(problems_of: FindProblems, source: str) -> None:
    assert problems_of(source, needs=LIBRARIES) == []


def test_hook_of_library_that_the_app_lacks_is_fine(problems_of: FindProblems) -> None:
    source = "try:\n    from beartype.claw import beartype_all\n    beartype_all()\nexcept ImportError:\n    pass"
    assert problems_of(source) == []


def test_hook_of_dependency_is_noted(tmp_path: Path) -> None:
    source = "from beartype.claw import beartype_this_package\nbeartype_this_package()"
    requires = "Name: keys\nVersion: 1.0\nRequires-Dist: beartype>=0.20\n"
    checked = install(tmp_path, "keys", {"keys/__init__.py": source}, metadata={"METADATA": requires})
    library = install(tmp_path, "beartype", {"beartype/claw/__init__.py": source})
    (note,) = import_hook_notes([library, checked])
    assert note.startswith("keys 1.0 ")
    assert note.endswith("keys/__init__.py:2")
    assert import_hook_notes([checked]) == ()
