"""Names that two distributions claim, and names that hide others."""

import importlib.metadata
from pathlib import Path

import pytest

from release_tools.distributions import RecordedFile
from release_tools.preflight.collisions import Contents, collision_problems, read_contents

OWN = Contents(
    name="tiny-app", version="1.0", site=Path("nowhere"), files=(RecordedFile(path="tiny/a.py", digest="0"),)
)


def contents(name: str, files: dict[str, str], site: Path = Path("nowhere")) -> Contents:
    """A distribution with these files; the text of each stands for its digest."""
    recorded = tuple(RecordedFile(path=path, digest=text) for path, text in files.items())
    return Contents(name=name, version="1.0", site=site, files=recorded)


def problems_of(*installed: Contents, own: Contents = OWN) -> list[str]:
    return [problem.what for problem in collision_problems([*installed, own], own)]


@pytest.mark.parametrize("suffix", [".py", ".abi3.so", ".pyd"])
def test_a_module_and_a_package_of_one_name_from_two_distributions_are_found(
    suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("release_tools.distributions._MODULE_SUFFIXES", (".py", ".abi3.so", ".pyd"))
    (found,) = problems_of(contents("b", {"x/__init__.py": "1"}), contents("A", {f"x{suffix}": "2"}))
    assert found.startswith(f"the name 'x' belongs to two distributions: A 1.0 (x{suffix}) and b 1.0 (x/__init__.py);")


def test_two_packages_of_one_name_are_told_once_not_for_each_file() -> None:
    files = {"x/__init__.py": "1", "x/deep.py": "1"}
    found = problems_of(contents("a", files), contents("b", dict.fromkeys(files, "2")))
    assert len(found) == 1
    assert found[0].startswith("the name 'x' belongs to two distributions")


def test_the_project_itself_may_be_one_of_the_two() -> None:
    own = contents("tiny-app", {"x/__init__.py": "1"})
    assert "x/__init__.py" in problems_of(contents("a", {"x.py": "2"}), own=own)[0]


def test_a_file_that_two_distributions_bring_alike_is_no_problem() -> None:
    files = {"x/__init__.py": "same", "x/deep.py": "same", "y.py": "same"}
    assert problems_of(contents("a", files), contents("b", files)) == []


def test_a_namespace_package_has_as_many_owners_as_it_likes() -> None:
    assert problems_of(contents("a", {"x/one.py": "1"}), contents("b", {"x/two/__init__.py": "2"})) == []


def test_a_namespace_package_of_the_old_kind_is_one_too(tmp_path: Path) -> None:
    init = tmp_path / "x" / "__init__.py"
    init.parent.mkdir()
    init.write_text("__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n", encoding="utf-8")
    pair = contents("a", {"x/__init__.py": "1"}, tmp_path), contents("b", {"x/__init__.py": "2"}, tmp_path)
    assert problems_of(*pair) == []
    init.write_text("", encoding="utf-8")
    assert len(problems_of(*pair)) == 1


def test_one_file_with_two_contents_is_found_inside_a_namespace_package() -> None:
    (found,) = problems_of(contents("a", {"x/data/table.json": "1"}), contents("b", {"x/data/table.json": "2"}))
    assert found.startswith(
        "the file x/data/table.json belongs to two distributions with different contents: a 1.0 and b"
    )


@pytest.mark.parametrize("path", ["tests/__init__.py", "docs/conf.py", "LICENSE", "README.md"])
def test_what_is_installed_by_mistake_and_never_imported_is_no_problem(path: str) -> None:
    assert problems_of(contents("a", {path: "1"}), contents("b", {path: "2"})) == []


@pytest.mark.parametrize("path", ["platform/__init__.py", "token.py", "queue/deep.py"])
def test_a_name_of_the_standard_library_is_found(path: str) -> None:
    name = path.partition("/")[0].removesuffix(".py")
    assert problems_of(contents("a", {path: "1"})) == [
        f"{path} of a 1.0 has the name of the standard library's {name!r}: only one of the two can be imported"
    ]


def test_a_module_that_a_package_hides_is_found_in_the_project_alone() -> None:
    files = {"tiny/plugins.py": "1", "tiny/plugins/__init__.py": "2"}
    assert problems_of(contents("a", files)) == []
    (found,) = problems_of(own=contents("tiny-app", files))
    assert found.startswith("tiny/plugins.py and tiny/plugins/__init__.py of tiny-app 1.0 are both 'tiny.plugins'")


def test_nothing_that_these_tests_run_in_gives_a_false_alarm() -> None:
    installed = [read_contents(found) for found in importlib.metadata.distributions()]
    assert len(installed) > 20
    assert problems_of(*installed) == []
