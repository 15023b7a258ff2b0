import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from release_tools.freeze.runtime import imports


@pytest.fixture(autouse=True)
def watcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(imports, "waiting", {})
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


def test_missing_module_stays_missing() -> None:
    imports.when_imported("missing_module_of_the_test", lambda _: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("missing_module_of_the_test")
