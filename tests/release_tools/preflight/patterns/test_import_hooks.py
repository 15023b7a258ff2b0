from pathlib import Path

import pytest

from release_tools.distributions import InstalledDistribution
from release_tools.preflight.patterns.import_hooks import import_hook_notes
from tests.release_tools.installed import install

HOOK = "from beartype.claw import beartype_this_package\nbeartype_this_package()"


def dependency(site: Path, name: str, source: str, needs: str = "") -> InstalledDistribution:
    requires = f"Name: {name}\nVersion: 1.0\n{needs and f'Requires-Dist: {needs}'}\n"
    return install(site, name, {f"{name}/__init__.py": source}, metadata={"METADATA": requires})


def test_hook_of_dependency_is_noted(tmp_path: Path) -> None:
    library, keys = dependency(tmp_path, "beartype", HOOK), dependency(tmp_path, "keys", HOOK, "beartype>=0.20")
    (note,) = import_hook_notes([library, keys], ["other"])
    assert note.startswith("keys 1.0 ")
    assert "keys/__init__.py:2" in note
    assert 'whole-distributions = ["other", "keys"]' in note


@pytest.mark.parametrize(
    ("library", "source"),
    [
        ("beartype", "import beartype.claw as claw\nclaw.beartype_packages(['a'])"),
        ("typeguard", "import typeguard\ndef main():\n    typeguard.install_import_hook('a')"),
        ("typeguard", "from typeguard.importhook import install_import_hook\ninstall_import_hook('a')"),
        ("jaxtyping", "from jaxtyping import install_import_hook as hook\nwith hook('a', 'b.c'):\n    import a"),
    ],
)
def test_hook_of_each_library_is_noted(tmp_path: Path, library: str, source: str) -> None:
    installed = [dependency(tmp_path, library, ""), dependency(tmp_path, "keys", source, library)]
    assert len(import_hook_notes(installed, ())) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from beartype import beartype\n@beartype\ndef main(): ...",
        "import os, beartype.claw\nif os.environ.get('CHECK'):\n    beartype.claw.beartype_all()",
        "import sys\nimport beartype\nsys.meta_path.insert(0, Finder())",
    ],
)
def test_other_uses_of_these_libraries_are_fine(tmp_path: Path, source: str) -> None:
    installed = [dependency(tmp_path, "beartype", ""), dependency(tmp_path, "keys", source, "beartype")]
    assert import_hook_notes(installed, ()) == ()


def test_dependency_with_its_source_needs_no_note(tmp_path: Path) -> None:
    installed = [dependency(tmp_path, "beartype", HOOK), dependency(tmp_path, "Keys", HOOK, "beartype")]
    assert import_hook_notes(installed, ["keys"]) == ()


def test_hook_of_library_that_the_app_lacks_is_fine(tmp_path: Path) -> None:
    assert import_hook_notes([dependency(tmp_path, "keys", HOOK, "beartype")], ()) == ()
