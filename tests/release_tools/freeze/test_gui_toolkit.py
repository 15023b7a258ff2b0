"""Which imports lead to Tk, in a fake of PyInstaller's module graph."""

from dataclasses import dataclass, field

import pytest

from release_tools.freeze.gui_toolkit import is_left_out, is_of_tk, leads_to_tk


@dataclass(frozen=True, kw_only=True)
class Edge:
    """How a module imports another: at its top, or optionally."""

    function: bool = False
    conditional: bool = False
    tryexcept: bool = False


@dataclass(eq=False)
class Node:
    identifier: str


class ExcludedModule(Node):
    pass


@dataclass
class Graph:
    """Modules by name, and who imports which."""

    imports: dict[tuple[str, str], object]
    nodes: dict[str, Node] = field(default_factory=dict)

    def node(self, name: str) -> Node:
        kind = ExcludedModule if name == "tkinter" else Node
        return self.nodes.setdefault(name, kind(name))

    def flatten(self) -> list[Node]:
        return [self.node(name) for pair in self.imports for name in pair]

    def outgoing(self, node: Node) -> list[Node]:
        return [self.node(target) for source, target in self.imports if source == node.identifier]

    def edgeData(self, source: Node, target: Node) -> object:  # noqa: N802 - PyInstaller's name
        return self.imports[source.identifier, target.identifier]

    def get_importers(self, name: str) -> list[tuple[str, object]]:
        return [(source, how) for (source, target), how in self.imports.items() if target == name]

    def find_node(self, name: str) -> Node | None:
        return self.nodes.get(name)


TOP = Edge()
OPTIONAL = [Edge(function=True), Edge(conditional=True), Edge(tryexcept=True)]


@pytest.mark.parametrize("how", [TOP, *OPTIONAL])
@pytest.mark.parametrize("target", ["tkinter", "_tkinter", "'tkinter.ttk'"])
def test_own_import_of_tk_counts(how: Edge, target: str) -> None:
    assert leads_to_tk(Graph({("app.window", target): how}), ["app"], ["app"])


def test_dependency_that_needs_tk_counts() -> None:
    graph = Graph({("app", "widgets"): OPTIONAL[0], ("widgets", "widgets.base"): TOP, ("widgets.base", "tkinter"): TOP})
    assert leads_to_tk(graph, ["app"], ["app"])


@pytest.mark.parametrize("how", [*OPTIONAL, "direct"])
def test_optional_import_counts_only_in_direct_dependency(how: object) -> None:
    graph = Graph({("app", "bars"): TOP, ("bars", "tkinter"): how})
    assert not leads_to_tk(graph, ["app"], ["app"])
    assert leads_to_tk(graph, ["app"], ["app", "bars"])


def test_module_that_nothing_imports_does_not_count() -> None:
    assert not leads_to_tk(Graph({("bars.tk", "tkinter"): TOP, ("app", "bars"): TOP}), ["app"], ["app", "bars"])


@pytest.mark.parametrize(
    ("module", "expected"), [("tkinter", True), ("tkinter.ttk", True), ("_tkinter", True), ("tkinter_extras", False)]
)
def test_submodules_are_of_tk(module: str, expected: bool) -> None:
    assert is_of_tk(module) == expected


def test_excluded_tk_is_left_out() -> None:
    graph = Graph({("bars.tk", "tkinter"): TOP})
    graph.flatten()
    assert is_left_out(graph)
    assert not is_left_out(Graph({}))


def test_standard_librarys_use_of_tk_is_not_left_out() -> None:
    graph = Graph({("turtle", "tkinter"): TOP})
    graph.flatten()
    assert not is_left_out(graph)
