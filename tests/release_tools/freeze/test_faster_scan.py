import ast
import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType

import PyInstaller
import pytest
from altgraph.Graph import Graph
from PyInstaller import isolated
from PyInstaller.building import build_main
from PyInstaller.building.datastruct import Target
from PyInstaller.compat import PY3_BASE_MODULES
from PyInstaller.config import CONF
from PyInstaller.depend import analysis
from PyInstaller.lib.modulegraph import modulegraph, util
from PyInstaller.utils import hooks
from PyInstaller.utils.hooks import setuptools as setuptools_hooks

from release_tools.freeze import faster_scan
from release_tools.freeze.faster_scan import iterate_wanted_instructions, modules_of, visit_blocks

WANTED = {"STORE_NAME", "STORE_GLOBAL", "DELETE_NAME", "DELETE_GLOBAL"}
Scan = Callable[[CodeType], Iterator[object]]


def scanned(scan: Scan, code: CodeType) -> list[tuple[object, ...]]:
    """What the scanner sees: imports with their level and names, and names stored and deleted, in order."""
    seen: list[tuple[object, ...]] = []
    previous: list[object] = []
    for instruction in scan(code):
        if instruction is None:
            continue
        name, value = instruction.opname, instruction.argval  # type: ignore[attr-defined]
        if name == "IMPORT_NAME":
            seen.append((name, value, *previous[-2:]))
        elif name in WANTED:
            seen.append((name, value))
        previous = [*previous[-1:], value]
    return seen


def sources() -> list[Path]:
    """Modules with every kind of import: the standard library's and PyInstaller's."""
    standard = sorted(Path(importlib.util.__file__).parents[1].glob("*.py"))
    return [*standard, *sorted(Path(PyInstaller.__file__).parent.rglob("*.py"))]


def test_bytecode_scan_equals_pyinstallers() -> None:
    paths = sources()
    assert len(paths) > 300
    for path in paths:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        expected = scanned(util.iterate_instructions, code)
        assert scanned(iterate_wanted_instructions, code) == expected, path


def test_extended_arguments_are_decoded() -> None:
    lines = [f"name_{number} = {number!r} + 1.5" for number in range(700)]
    code = compile("\n".join([*lines, "from late import last as latest"]), "many.py", "exec")
    seen = scanned(iterate_wanted_instructions, code)
    assert seen == scanned(util.iterate_instructions, code)
    assert ("IMPORT_NAME", "late", 0, ("last",)) in seen


def imports_in_tree(tree: ast.AST, visitor_type: type[modulegraph._Visitor]) -> list[tuple[object, ...]]:
    """What the syntax tree scanner returns: each import, and whether it is conditional."""
    module = modulegraph.SourceModule("scanned")
    module._deferred_imports = []
    visitor_type(None, module).visit(tree)
    return [
        (is_star, *what[:1], *what[2:], tuple(data["edge_attr"])) for is_star, what, data in module._deferred_imports
    ]


class BlockVisitor(modulegraph._Visitor):  # type: ignore[misc]  # PyInstaller has no types
    generic_visit = visit_blocks


def test_syntax_tree_scan_equals_pyinstallers() -> None:
    found = 0
    for path in sources():
        tree = ast.parse(path.read_bytes())
        expected = imports_in_tree(tree, modulegraph._Visitor)
        assert imports_in_tree(tree, BlockVisitor) == expected, path
        found += len(expected)
    assert found > 2000


def test_imports_are_found_in_every_kind_of_block() -> None:
    tree = ast.parse(
        """
if a: import in_if
elif b: import in_elif
else: import in_else
for x in y: import in_for
else: import in_for_else
while c: import in_while
with d: import in_with
try: import in_try
except E: import in_except
else: import in_try_else
finally: import in_finally
try: pass
except* E: import in_except_star
match e:
    case 1: import in_case
class C:
    import in_class
    def f(self, default=lambda: 0) -> None:
        import in_method
async def g():
    async with h: import in_async_with
    async for i in j: import in_async_for
"""
    )
    seen = imports_in_tree(tree, BlockVisitor)
    assert seen == imports_in_tree(tree, modulegraph._Visitor)
    assert len(seen) == 17


@pytest.mark.programs
def test_modules_of_base_packages_equal_pyinstallers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONF, "pathex", [])
    packages = sorted(name for name in PY3_BASE_MODULES if hooks.is_package(name))
    assert {"collections", "encodings", "re"} <= {*packages}
    for package in packages:
        assert modules_of(package) == hooks.collect_submodules(package)


def test_modules_of_nested_packages_are_among_them() -> None:
    assert {"importlib", "importlib.metadata", "importlib.metadata._text"} <= {*modules_of("importlib")}


def test_hidden_setuptools_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setuptools_hooks, "_retrieve_setuptools_info", setuptools_hooks._retrieve_setuptools_info)
    faster_scan.hide_setuptools()
    found = setuptools_hooks.SetuptoolsInfo()
    assert (found.available, found.is_vendored("packaging")) == (False, False)


@pytest.fixture
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "iterate_instructions", util.iterate_instructions)
    monkeypatch.setattr(modulegraph._Visitor, "generic_visit", modulegraph._Visitor.generic_visit)
    for module, name in (
        (analysis, "collect_submodules"),
        (analysis, "deepcopy"),
        (analysis, "_cached_module_graph_"),
        (hooks, "collect_submodules"),
        (build_main, "discover_hook_directories"),
        (build_main.Analysis, "_write_graph_debug"),
        (Target, "_save_guts"),
        (Graph, "edge_by_node"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))


@pytest.mark.usefixtures("_restored")
def test_locked_pyinstaller_gets_the_faster_scan() -> None:
    assert faster_scan.install()
    assert util.iterate_instructions is iterate_wanted_instructions
    assert modulegraph._Visitor.generic_visit is visit_blocks
    assert analysis.collect_submodules is modules_of


@pytest.mark.programs
@pytest.mark.usefixtures("_restored")
def test_hooks_find_encodings_and_other_packages_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONF, "pathex", [])
    calls = [("encodings",), ("encodings", lambda name: name.endswith("utf_8")), ("wsgiref",)]
    before = [hooks.collect_submodules(*call) for call in calls]
    assert faster_scan.install()
    assert [hooks.collect_submodules(*call) for call in calls] == before
    assert [len(names) > 1 for names in before] == [True, False, True]


@pytest.mark.programs
@pytest.mark.usefixtures("_restored")
def test_folders_of_the_community_hooks_are_found_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    before = build_main.discover_hook_directories()
    assert before
    assert faster_scan.install()
    monkeypatch.setattr(isolated, "Python", None)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert build_main.discover_hook_directories() == before


def test_hooks_of_other_packages_are_found_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = ("_pyinstaller_hooks_contrib:get_hook_dirs", "fast_math.hooks:folders")
    found = [importlib.metadata.EntryPoint("hook-dirs", module, "pyinstaller40") for module in modules]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: found)

    def in_process() -> list[str]:
        return ["of a process"]

    assert faster_scan.hook_folders(in_process) == ["of a process"]


@pytest.mark.usefixtures("_restored")
def test_each_analysis_has_a_graph_of_its_own() -> None:
    assert faster_scan.install()
    first, second = (analysis.initialize_modgraph(excludes=("unittest",)) for _ in range(2))
    assert first is not second
    assert {str(node.identifier) for node in first.nodes()} == {str(node.identifier) for node in second.nodes()}


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("changed", ["pyinstaller", "python"])
def test_other_releases_keep_their_own_scan(monkeypatch: pytest.MonkeyPatch, changed: str) -> None:
    if changed == "python":
        monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    else:
        monkeypatch.setattr(PyInstaller, "__version__", "6.23.0")
    before = util.iterate_instructions, modulegraph._Visitor.generic_visit
    assert not faster_scan.install()
    assert (util.iterate_instructions, modulegraph._Visitor.generic_visit) == before
