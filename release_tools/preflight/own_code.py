"""Finds code in the project that works from source but fails when frozen."""

import ast
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from release_tools.distributions import InstalledDistribution
from release_tools.errors import Problem

# Calling these starts processes.
_PROCESS_STARTERS: Final = frozenset({"Manager", "Pool", "Process"})

# Exceptions whose handlers catch a missing module.
_CATCHES: Final = frozenset({"BaseException", "Exception", "ImportError", "ModuleNotFoundError"})


def own_code_problems(project: InstalledDistribution, build_only: Collection[str] = ()) -> list[Problem]:
    """Problems in the project's installed sources, with file and line.

    `build_only` are the top-level modules that only the build's tools have.
    """
    return [
        problem
        for file in project.files
        if file.path.endswith(".py")
        for problem in _source_problems(file.path, project.locate(file.path), build_only)
    ]


def _source_problems(name: str, path: Path, build_only: Collection[str]) -> list[Problem]:
    source = path.read_bytes()
    # Parsing is slow, and few modules have any of these words.
    if not any(word in source for word in (b"multiprocessing", *map(str.encode, build_only))):
        return []
    try:
        tree = ast.parse(source, filename=name)
    except (SyntaxError, ValueError):
        # For example a template. If it's a module, PyInstaller reports it.
        return []
    return [
        *_early_process_problems(name, tree),
        *_undeclared_import_problems(name, tree, build_only),
    ]


def _early_process_problems(name: str, tree: ast.Module) -> list[Problem]:
    starters = _names_of_process_starters(tree)
    return [
        Problem(
            what=f"{name}:{node.lineno} starts processes at import time: {ast.unparse(node.func)}(…); each spawned "
            "worker imports the module and starts more",
            hint="start them in a function",
        )
        for node in _run_at_import(tree.body)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in starters
    ]


def _names_of_process_starters(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.asname or alias.name for alias in node.names if alias.name == "multiprocessing"]
            names |= {f"{module}.{starter}" for module in modules for starter in _PROCESS_STARTERS}
        elif isinstance(node, ast.ImportFrom) and node.module == "multiprocessing":
            names |= {alias.asname or alias.name for alias in node.names if alias.name in _PROCESS_STARTERS}
    return names


def _run_at_import(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes that run on import: not function bodies, nor the `__main__` block."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_main_guard(node):
            continue
        yield node
        yield from _run_at_import(ast.iter_child_nodes(node))


def _is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in {
        part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)
    }


def _undeclared_import_problems(name: str, tree: ast.Module, build_only: Collection[str]) -> list[Problem]:
    """One problem for each import in the file `name` of a module that only the tools have, unless it's optional."""
    return [
        Problem(
            what=f"{name}:{line} imports {module}, which no dependency of the project provides",
            hint="add its distribution to the project's dependencies, then run `poetry lock`",
        )
        for line, module in _needed_imports(tree.body)
        if module.partition(".")[0] in build_only
    ]


def _needed_imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and module of every import that is neither for type checking only nor optional."""
    for node in nodes:
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module
            case ast.Try(handlers=handlers) if any(map(_catches_absence, handlers)):
                yield from _needed_imports([*handlers, *node.orelse, *node.finalbody])
            case ast.If(test=test) if "TYPE_CHECKING" in ast.unparse(test):
                yield from _needed_imports(node.orelse)
            case _:
                yield from _needed_imports(ast.iter_child_nodes(node))


def _catches_absence(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in _CATCHES for kind in caught)
