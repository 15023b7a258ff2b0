from pathlib import Path
from types import SimpleNamespace

import pytest
from PyInstaller.depend.analysis import PyiModuleGraph

from release_tools.freeze import dll_folders


def test_only_packages_that_may_add_dll_folders_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adding, exiting = tmp_path / "adding.py", tmp_path / "exiting.py"
    adding.write_text("import os\nos.add_dll_directory('x')\n", encoding="utf-8")
    exiting.write_text("raise SystemExit(1)\n", encoding="utf-8")
    files = {"a": exiting, "a.adding": adding, "a.exiting": exiting, "a.namespace": None}
    monkeypatch.setattr(PyiModuleGraph, "get_collected_packages", lambda _: list(files))
    dll_folders.install()
    graph = SimpleNamespace(find_node=lambda name: SimpleNamespace(filename=files[name] and str(files[name])))
    assert PyiModuleGraph.get_collected_packages(graph) == ["a", "a.adding"]
