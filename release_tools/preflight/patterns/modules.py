"""The project's own modules, parsed once for all patterns."""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from release_tools.distributions import InstalledDistribution, source_module

# How a program finds out that it's frozen.
_FROZEN_MARKS: Final = frozenset({"frozen", "_MEIPASS"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class OwnModule:
    """A source file of the project. `path` is relative to site-packages, with "/"."""

    path: str
    tree: ast.Module

    @cached_property
    def name(self) -> str:
        """The dotted name of the module, or "" if it can't be imported."""
        return source_module(self.path) or ""

    @property
    def package(self) -> str:
        """The dotted name of the package that it's in, or of itself if it's one."""
        return self.name if self.path.endswith("/__init__.py") else self.name.rpartition(".")[0]

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def asks_whether_frozen(self) -> bool:
        """Whether the module has code of its own for a frozen program."""
        return any(
            (isinstance(node, ast.Constant) and node.value in _FROZEN_MARKS)
            or (isinstance(node, ast.Attribute) and node.attr in _FROZEN_MARKS)
            or (isinstance(node, ast.Name) and node.id.lower().strip("_").removeprefix("is_") == "frozen")
            for node in self.nodes
        )

    @cached_property
    def imported(self) -> Mapping[str, str]:
        """The full names of what the module imports, by the name that it uses, unless a parameter has it too."""
        names: dict[str, str] = {}
        parameters = {node.arg for node in self.nodes if isinstance(node, ast.arg)}
        for node in self.nodes:
            match node:
                case ast.Import(names=aliases):
                    top_levels = {alias.name.partition(".")[0] for alias in aliases if not alias.asname}
                    names |= {name: name for name in top_levels}
                    names |= {alias.asname: alias.name for alias in aliases if alias.asname}
                case ast.ImportFrom(names=aliases):
                    source = self._source_of(node)
                    names |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in aliases}
        return {name: full_name for name, full_name in names.items() if name not in parameters}

    def _source_of(self, node: ast.ImportFrom) -> str:
        """The absolute name of the module that it imports from."""
        package = self.package.split(".")
        parents = package[: len(package) + 1 - node.level] if node.level else []
        return ".".join([*parents, *([node.module] if node.module else [])])

    def full_name(self, node: ast.expr) -> str:
        """The full name of a function, class or constant, whatever it's imported as: `subprocess.run`.

        "" for other expressions.
        """
        first, dot, rest = dotted_name(node).partition(".")
        return f"{self.imported.get(first, first)}{dot}{rest}"

    def place_of(self, node: ast.AST) -> str:
        """File and line."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def dotted_name(node: ast.AST) -> str:
    """The text of a name or of an attribute of one, else ""."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            owner = dotted_name(value)
            return owner and f"{owner}.{attribute}"
    return ""


def sources_of(distribution: InstalledDistribution) -> dict[str, bytes]:
    """The source files of a distribution by path, without tests, which no binary runs."""
    paths = [file.path for file in distribution.files if file.path.endswith(".py") and not _is_test(file.path)]
    return {path: distribution.locate(path).read_bytes() for path in paths}


def modules_with(sources: Mapping[str, bytes], words: Collection[bytes]) -> list[OwnModule]:
    """The parsed modules whose source has one of these words. Parsing is slow."""
    chosen = [path for path, source in sources.items() if any(word in source for word in words)]
    return [module for path in chosen if (module := _parse(path, sources[path])) is not None]


def _is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return not {"test", "tests"}.isdisjoint(folders) or name == "conftest.py" or name.startswith("test_")


def _parse(path: str, source: bytes) -> OwnModule | None:
    """The module, or None for what isn't Python, such as a template. If it's a module, PyInstaller reports it."""
    try:
        return OwnModule(path=path, tree=ast.parse(source, filename=path))
    except (SyntaxError, ValueError, RecursionError):
        return None


def nodes_except(nodes: Iterable[ast.AST], is_skipped: Callable[[ast.AST], bool]) -> Iterator[ast.AST]:
    """These nodes and all below them, without the skipped ones and what's in them."""
    # In order, and without recursion: for each node, it would pass through the generators of all above it.
    waiting = [*nodes][::-1]
    while waiting:
        node = waiting.pop()
        if not is_skipped(node):
            yield node
            waiting += [*ast.iter_child_nodes(node)][::-1]


def is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in {
        part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)
    }


def catches(node: ast.AST, exceptions: frozenset[str]) -> bool:
    """Whether it's a `try` statement that handles one of these exceptions, or all."""
    return isinstance(node, ast.Try) and any(_handles(handler, exceptions) for handler in node.handlers)


def _handles(handler: ast.ExceptHandler, exceptions: frozenset[str]) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in exceptions for kind in caught)
