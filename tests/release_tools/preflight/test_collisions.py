from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest

from release_tools.distributions import InstalledDistribution
from release_tools.preflight.collisions import collision_problems
from tests.release_tools.installed import install

Make = Callable[[str, dict[str, str]], InstalledDistribution]
ProblemsOf = Callable[..., list[str]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Installs a distribution with these files in its own folder."""
    return lambda name, files: install(tmp_path / name, name, files)


@pytest.fixture
def problems_of(make: Make) -> ProblemsOf:
    """The problems of these distributions with the project, by default an empty one."""

    def find(*installed: InstalledDistribution, own: InstalledDistribution | None = None) -> list[str]:
        project = own or make("tiny-app", {})
        return [problem.what for problem in collision_problems([*installed, project], project)]

    return find


@pytest.mark.parametrize("suffix", [".py", ".abi3.so", ".pyd"])
def test_module_and_package_of_one_name_collide(
    problems_of: ProblemsOf, make: Make, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("release_tools.distributions._MODULE_SUFFIXES", (".py", ".abi3.so", ".pyd"))
    (found,) = problems_of(make("b", {"x/__init__.py": "1"}), make("A", {f"x{suffix}": "2"}))
    assert all(part in found for part in ("'x'", f"A 1.0 (x{suffix})", "b 1.0 (x/__init__.py)"))


def test_colliding_packages_are_reported_once(problems_of: ProblemsOf, make: Make) -> None:
    files = {"x/__init__.py": "1", "x/deep.py": "1"}
    assert len(problems_of(make("a", files), make("b", dict.fromkeys(files, "2")))) == 1


def test_project_can_collide_with_a_dependency(problems_of: ProblemsOf, make: Make) -> None:
    own = make("tiny-app", {"x/__init__.py": "1"})
    (found,) = problems_of(make("a", {"x.py": "2"}), own=own)
    assert "tiny-app 1.0 (x/__init__.py)" in found


def test_equal_files_do_not_collide(problems_of: ProblemsOf, make: Make) -> None:
    files = {"x/__init__.py": "same", "x/deep.py": "same", "y.py": "same"}
    assert problems_of(make("a", files), make("b", files)) == []


def test_namespace_package_may_have_many_owners(problems_of: ProblemsOf, make: Make) -> None:
    assert problems_of(make("a", {"x/one.py": "1"}), make("b", {"x/two/__init__.py": "2"})) == []


def test_old_style_namespace_package_may_have_many_owners(problems_of: ProblemsOf, make: Make) -> None:
    extends = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    pair = make("a", {"x/__init__.py": extends}), make("b", {"x/__init__.py": f"# b\n{extends}"})
    assert problems_of(*pair) == []
    pair[1].locate("x/__init__.py").write_text("", encoding="utf-8")
    assert len(problems_of(*pair)) == 1


def test_one_path_with_two_contents_collides(problems_of: ProblemsOf, make: Make) -> None:
    (found,) = problems_of(make("a", {"x/data/table.json": "1"}), make("b", {"x/data/table.json": "2"}))
    assert all(part in found for part in ("x/data/table.json", "a 1.0", "b 1.0"))


@pytest.mark.parametrize("path", ["tests/__init__.py", "docs/conf.py", "LICENSE", "README.md"])
def test_stray_top_level_files_may_collide(problems_of: ProblemsOf, make: Make, path: str) -> None:
    assert problems_of(make("a", {path: "1"}), make("b", {path: "2"})) == []


@pytest.mark.parametrize("path", ["platform/__init__.py", "token.py", "queue/deep.py"])
def test_standard_library_name_is_found(problems_of: ProblemsOf, make: Make, path: str) -> None:
    (found,) = problems_of(make("a", {path: "1"}))
    assert path in found
    assert repr(path.partition("/")[0].removesuffix(".py")) in found


def test_shadowed_module_is_reported_for_the_project_only(problems_of: ProblemsOf, make: Make) -> None:
    files = {"tiny/plugins.py": "1", "tiny/plugins/__init__.py": "2"}
    assert problems_of(make("a", files)) == []
    (found,) = problems_of(own=make("tiny-app", files))
    assert all(path in found for path in files)


def test_test_environment_has_no_collisions(problems_of: ProblemsOf) -> None:
    installed = [InstalledDistribution(found=found) for found in distributions()]
    assert len(installed) > 20
    assert problems_of(*installed) == []
