"""PyInstaller's finder, with an archive that has other code than the files beside it."""

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import FileFinder, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any, Final

import PyInstaller
import pytest

from release_tools.freeze.runtime import import_hooks

MODULE, PACKAGE = 0, 1


class Archive:
    """What PyInstaller's finder reads of its archive."""

    toc: Final = {
        "tiny": (PACKAGE, 0, 0),
        "tiny.cli": (MODULE, 0, 0),
        "tiny.bare": (MODULE, 0, 0),
        "other": (MODULE, 0, 0),
    }

    @staticmethod
    def extract(name: str) -> Any:
        return compile("value = 'bytecode'", name, "exec")


class Rewriter(SourceFileLoader):
    def get_code(self, fullname: str) -> Any:
        return compile(self.get_data(self.path).replace(b"source", b"rewritten source"), fullname, "exec")


class Hook:
    """A finder that rewrites, as typeguard's does: what it finds with Python's loader of source files."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = Rewriter(spec.loader.name, spec.loader.path)
        return spec


class OtherHook:
    @staticmethod
    def find_spec(*_: Any) -> None:
        return None


@pytest.fixture(autouse=True)
def bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A bundle with PyInstaller's finder in front of Python's, and the source of `tiny`, without `tiny.bare`."""
    for path in ("tiny/__init__.py", "tiny/cli.py", "tiny/only_source.py", "other.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("value = 'source'", encoding="utf-8")
    before = set(sys.modules)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.syspath_prepend(str(Path(PyInstaller.__file__).with_name("loader")))
    importers = importlib.import_module("pyimod02_importers")
    monkeypatch.setattr(importers, "pyz_archive", Archive)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "path_hooks", [*sys.path_hooks])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    sys.path_hooks.insert(1, importers.PyiFrozenFinder.path_hook)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(import_hooks, "SOURCE_PACKAGES", ("tiny",))
    import_hooks.install()
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def value_of(name: str) -> object:
    return vars(importlib.import_module(name))["value"]


def add_path_hook(index: int = -1) -> None:
    """Add a hook as beartype's is: before Python's own finder, and after PyInstaller's."""
    sys.path_hooks.insert(index, FileFinder.path_hook((Rewriter, [".py"])))
    sys.path_importer_cache.clear()


def test_finder_rewrites_the_package_and_its_modules() -> None:
    sys.meta_path.insert(0, Hook)
    assert (value_of("tiny"), value_of("tiny.cli")) == ("rewritten source", "rewritten source")


# In front of all others, as in earlier versions of beartype, or where they have it now.
@pytest.mark.parametrize("index", [0, -1])
def test_path_hook_rewrites_the_package_and_its_modules(index: int) -> None:
    add_path_hook(index)
    assert (value_of("tiny"), value_of("tiny.cli")) == ("rewritten source", "rewritten source")


def test_path_hook_in_front_hides_no_module() -> None:
    add_path_hook(0)
    assert (value_of("other"), value_of("tiny.bare")) == ("bytecode", "bytecode")


def test_path_hook_can_be_removed_again() -> None:
    before = [*sys.path_hooks]
    add_path_hook(0)
    assert value_of("other") == "bytecode"
    sys.path_hooks.remove(next(hook for hook in sys.path_hooks if hook not in before))
    assert value_of("tiny.cli") == "bytecode"
    assert sys.path_hooks == before


def test_hook_that_its_package_installs_rewrites_the_modules() -> None:
    assert value_of("tiny") == "bytecode"
    add_path_hook()
    assert value_of("tiny.cli") == "rewritten source"


def test_module_that_nothing_rewrites_is_not_compiled() -> None:
    sys.meta_path.insert(0, OtherHook)
    assert value_of("tiny.cli") == "bytecode"
    assert isinstance(sys.modules["tiny.cli"].__loader__, SourceFileLoader)


def test_package_without_its_source_stays_bytecode() -> None:
    sys.meta_path.insert(0, Hook)
    assert (value_of("other"), value_of("tiny.bare")) == ("bytecode", "bytecode")


def test_without_hooks_no_file_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileFinder, "find_spec", lambda *_: pytest.fail("a file was looked for"))
    assert value_of("tiny.cli") == "bytecode"


def test_module_that_is_only_a_file_is_still_found() -> None:
    assert value_of("tiny.only_source") == "source"
