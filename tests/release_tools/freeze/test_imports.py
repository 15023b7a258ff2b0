import importlib
import sys
from importlib.machinery import BuiltinImporter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from release_tools.freeze.runtime import imports


@pytest.fixture(autouse=True)
def watcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(imports, "waiting", {})
    monkeypatch.setattr(imports, "HOOKS", {"hook_of_the_test": "changed_later"})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "changed_later", raising=False)
    (tmp_path / "changed_later.py").write_text("value = 1\n", encoding="utf-8")
    imports.install()


def test_module_is_changed_when_it_has_been_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def change(module: ModuleType) -> None:
        seen.append(vars(module)["value"])
        vars(module)["value"] = 2

    for _ in range(2):
        imports.when_imported("changed_later", change)
    assert seen == []
    assert vars(importlib.import_module("changed_later"))["value"] == 2
    assert seen == [1, 2]
    monkeypatch.delitem(sys.modules, "changed_later")


def test_module_that_is_imported_already_is_changed_at_once() -> None:
    seen: list[ModuleType] = []
    imports.when_imported("importlib", seen.append)
    assert seen == [importlib]


def test_only_the_built_in_module_that_was_asked_for_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_symtable", "_tracemalloc"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    seen: list[ModuleType] = []
    imports.when_imported("_symtable", seen.append)
    module = importlib.import_module("_symtable")
    importlib.import_module("_tracemalloc")
    assert seen == [module]
    loader: Any = module.__loader__
    assert issubclass(loader, BuiltinImporter)


def test_missing_module_stays_missing() -> None:
    imports.when_imported("missing_module_of_the_test", lambda _: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("missing_module_of_the_test")


def test_hook_runs_when_its_module_is_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "hook_of_the_test.py").write_text("import changed_later\nchanged_later.value = 3\n", encoding="utf-8")
    assert vars(importlib.import_module("changed_later"))["value"] == 3
    monkeypatch.delitem(sys.modules, "changed_later")
    monkeypatch.delitem(sys.modules, "hook_of_the_test")


def test_program_without_the_hook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vars(importlib.import_module("changed_later"))["value"] == 1
    monkeypatch.delitem(sys.modules, "changed_later")


def test_slow_hook_runs_when_its_function_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(imports, "LATE_HOOK", "late_hook_of_the_test")
    hook = "import changed_later\nchanged_later.getsourcefile = lambda name: f'{name} by the hook'\n"
    (tmp_path / "late_hook_of_the_test.py").write_text(hook, encoding="utf-8")
    module = ModuleType("changed_later")
    setattr(module, imports.LATE_FUNCTION, str.upper)
    monkeypatch.setitem(sys.modules, "changed_later", module)
    imports.run_when_called(module)
    function = getattr(module, imports.LATE_FUNCTION)
    assert "late_hook_of_the_test" not in sys.modules
    assert [function("a"), function("b")] == ["a by the hook", "b by the hook"]
    monkeypatch.delitem(sys.modules, "late_hook_of_the_test")
