"""Finds imports of modules that only the build's tools have, which the app lacks."""

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from release_tools.errors import Problem
from release_tools.preflight.patterns.modules import OwnModule, catches

# Exceptions whose handlers catch a missing module.
_CATCHES: Final = frozenset({"BaseException", "Exception", "ImportError", "ModuleNotFoundError"})


def undeclared_import_problems(module: OwnModule, build_only: Collection[str]) -> list[Problem]:
    """One problem for each import of a module that only the tools have, unless it's optional."""
    return [
        Problem(
            what=f"{module.path}:{line} imports {imported}, which no dependency of the project provides",
            hint="add its distribution to the project's dependencies, then run `poetry lock`",
        )
        for line, imported in _needed_imports(module.tree.body)
        if any(f"{imported}.".startswith(f"{name}.") for name in build_only)
    ]


def _needed_imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and module of every import that is neither for type checking only nor optional."""
    for node in nodes:
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module
            case ast.Try(handlers=handlers) if catches(node, _CATCHES):
                yield from _needed_imports([*handlers, *node.orelse, *node.finalbody])
            case ast.If(test=test) if "TYPE_CHECKING" in ast.unparse(test):
                yield from _needed_imports(node.orelse)
            case _:
                yield from _needed_imports(ast.iter_child_nodes(node))
