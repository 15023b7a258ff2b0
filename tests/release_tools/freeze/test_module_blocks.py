"""Modules that are compressed together, as the freeze writes and the program reads them."""

import ast
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from PyInstaller import loader
from PyInstaller.archive.writers import CArchiveWriter
from PyInstaller.compat import PY3_BASE_MODULES

from release_tools.binaries.compression import compress
from release_tools.binaries.module_table import LARGEST_BLOCK, read_module_table
from release_tools.binaries.payload import Payload
from release_tools.freeze import module_blocks
from release_tools.freeze.module_blocks import _blocks, import_order, needed_by_reader, write_archive
from release_tools.freeze.runtime import compressed_modules
from release_tools.freeze.runtime.compressed_modules import CompressedModules
from release_tools.freeze.runtime_hooks import PACKAGE
from tests.release_tools.freeze.executables import run_as
from tests.release_tools.verification.static.samples import make_elf

# One module is larger than a block.
SOURCES = {
    "alone": "VALUE = 1",
    "app": "VALUE = 2",
    "app.large": f"VALUE = {'x' * LARGEST_BLOCK!r}",
    "app.last": "VALUE = 3",
}
NAMESPACE = "app.names"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # So that there are blocks of both sizes.
    monkeypatch.setattr(module_blocks, "_HOT", 2 << 20)
    path = tmp_path / "modules.pyz"
    write(path, ["app.large", "not bundled"])
    return path


def write(path: Path, order: list[str]) -> None:
    entries = [(name, f"{name}/__init__.py" if name == "app" else f"{name}.py", "PYMODULE") for name in SOURCES]
    write_archive(
        str(path),
        [*entries, (NAMESPACE, "-", "PYMODULE")],
        {name: compile(source, f"{name}.py", "exec") for name, source in SOURCES.items()},
        known=["not bundled either", "app.last"],
        order=order,
        alone={"alone"},
        compress=compress,
    )


@pytest.fixture
def modules(archive: Path, monkeypatch: pytest.MonkeyPatch) -> CompressedModules:
    """The reader of a program whose executable has the archive after something else."""
    executable = archive.with_name("executable")
    executable.write_bytes(b"program" + archive.read_bytes())
    run_as(executable, monkeypatch)
    table = module_table(archive)
    return CompressedModules(table, len(b"program"))


def module_table(archive: Path) -> dict[str, tuple[int, int, int]]:
    return read_module_table(archive.read_bytes()).modules


def test_every_module_is_read(modules: CompressedModules) -> None:
    values = {}
    for name in SOURCES:
        names: dict[str, object] = {}
        exec(modules.extract(name), names)  # noqa: S102 - made by this test
        values[name] = names["VALUE"]
    assert values == {"alone": 1, "app": 2, "app.large": "x" * LARGEST_BLOCK, "app.last": 3}
    assert isinstance(modules.extract("app", raw=True), bytes)


def test_namespace_package_has_no_code(modules: CompressedModules) -> None:
    assert modules.extract(NAMESPACE) is None


def test_unknown_module_is_a_key_error(modules: CompressedModules) -> None:
    with pytest.raises(KeyError):
        modules.extract("missing")


def test_blocks_that_were_used_last_stay_in_memory(modules: CompressedModules, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [len(modules.block(number)) for number in range(3)]
    monkeypatch.setattr(compressed_modules, "MOST_RECENT", max(sizes))
    modules.recent.clear()
    for number in (0, 2, 0, 1):
        modules.block(number)
    assert 1 in modules.recent
    assert sum(map(len, modules.recent.values())) <= max(sizes)
    monkeypatch.setattr(compressed_modules, "MOST_RECENT", sizes[0] + sizes[2])
    modules.recent.clear()
    for number in (0, 2, 0, 2, 0):
        modules.block(number)
    assert [*modules.recent] == [2, 0]


def test_executable_that_cannot_be_read_ends_the_program(modules: CompressedModules) -> None:
    Path(sys.executable).write_bytes(b"")
    with pytest.raises(SystemExit) as caught:
        modules.extract("app.large")
    assert "error: " in str(caught.value.code)


def test_order_decides_about_blocks(archive: Path) -> None:
    table = module_table(archive)
    assert table["alone"][1] > 0
    positions = {name: ~position for name, (_, position, _) in table.items() if position < 0}
    assert sorted(positions, key=lambda name: positions[name]) == ["app.last", "app.large", "app", NAMESPACE]


def test_changed_module_changes_few_blocks() -> None:
    modules = [(f"module_{number}", os.urandom(40_000)) for number in range(400)]
    before = list(_blocks(modules, ()))
    modules[3] = ("module_3", os.urandom(50_000))
    after = list(_blocks(modules, ()))
    assert len(before) > 8
    assert len(set(after) - set(before)) <= 3
    assert max(map(len, after)) <= LARGEST_BLOCK


def test_only_modules_whose_order_is_known_are_in_small_blocks() -> None:
    modules = [(f"module_{number}", os.urandom(40_000)) for number in range(400)]
    known = [name for name, _ in modules[:200]]
    sizes = [len(block) for block in _blocks(modules, known)]
    assert max(sizes[:2]) < 3 << 20
    assert max(sizes) > 7 << 20


def test_same_modules_make_the_same_archive(archive: Path, tmp_path: Path) -> None:
    first = archive.read_bytes()
    write(tmp_path / "again", ["app.last", "app.large"])
    assert (tmp_path / "again").read_bytes() == first


class Graph:
    """A module graph: for each module, those that it imports, at once or in functions."""

    def __init__(self, edges: Mapping[str, Mapping[str, bool]]) -> None:
        names = {*edges, *(target for targets in edges.values() for target in targets)}
        self.found = {name: SimpleNamespace(identifier=name) for name in names}
        self.edges = edges

    def nodes(self) -> list[SimpleNamespace]:
        return [*self.found.values()]

    def find_node(self, name: str) -> SimpleNamespace | None:
        return self.found.get(name)

    def outgoing(self, node: SimpleNamespace) -> list[SimpleNamespace]:
        return [self.found[target] for target in self.edges.get(node.identifier, ())]

    def edgeData(self, node: SimpleNamespace, target: SimpleNamespace) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(function=self.edges[node.identifier][target.identifier])


def test_modules_are_ordered_as_they_are_imported() -> None:
    graph = Graph(
        {
            f"{PACKAGE}.signals": {"ssl": False},
            "start": {"cli": False, "options": False},
            "cli": {"late": True, "base": False},
            "base": {"cli": False},
            "late": {"options": False, "deep": False},
        }
    )
    order = ["start", "cli", "base", "options", "late", "deep"]
    assert import_order(graph, ["hook", "start"]) == [f"{PACKAGE}.signals", "ssl", *order]


def test_modules_before_the_reader_are_found() -> None:
    graph = Graph({PACKAGE: {f"{PACKAGE}.signals": True}, f"{PACKAGE}.signals": {"contextlib": False, "late": True}})
    assert needed_by_reader(graph) == {PACKAGE, f"{PACKAGE}.signals", "contextlib"}


class StartUpImports(ast.NodeVisitor):
    """The modules that code of PyInstaller imports on one platform, whose name its conditions compare with."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        condition = ast.unparse(node.test)
        prefix = re.fullmatch(r"sys\.platform\.startswith\('(\w+)'\)", condition)
        if prefix is None or self.system.startswith(prefix[1]):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        # The imported names are modules, or else an import of the others changes nothing.
        self.found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_what_pyinstaller_imports_at_start_is_known(system: str) -> None:
    imports = StartUpImports(system)
    folder = Path(loader.__file__).parent
    for name in ("pyiboot01_bootstrap", "pyimod03_ctypes", "pyimod04_pywin32"):
        imports.visit(ast.parse((folder / f"{name}.py").read_text(encoding="utf-8")))
    elsewhere = {name for name in imports.found if name in sys.builtin_module_names or name.startswith("pyimod")}
    assert imports.found - elsewhere - PY3_BASE_MODULES - {"os"} == set(module_blocks.imported_at_start(system))


def test_checks_read_blocks(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "package"
    CArchiveWriter(str(path), [("PYZ.pyz", str(archive), False, "z")], "libpython")
    executable = tmp_path / "app"
    executable.write_bytes(make_elf() + path.read_bytes())
    payload = Payload(executable)
    assert {name for name, _ in payload.read_modules()} == set(SOURCES)
    assert payload.packages == {"app", NAMESPACE}
    assert 0 < sum(payload.module_sizes.values()) <= archive.stat().st_size
