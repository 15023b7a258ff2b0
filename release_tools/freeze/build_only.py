"""What stands in the environment of a build only because building needs it: PyInstaller, setuptools and the like.

The app has none of it where it is installed from the lock, and so gets none of it into its bundle. PyInstaller itself
would bundle some: with setuptools at hand, it gives what setuptools carries along to everyone who asks for `backports`.
"""

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import distribution
from typing import Final

from release_tools.distributions import RUNTIME_GROUPS, locked_here, module_name, own_packages, recorded_files
from release_tools.errors import Problem
from release_tools.lockfile import BUILD_GROUPS, LockFile
from release_tools.settings import ReleaseSettings

# What catches that a module is not there.
_CATCHES: Final = frozenset({"BaseException", "Exception", "ImportError", "ModuleNotFoundError"})


def build_only_distributions(lock: LockFile) -> frozenset[str]:
    """The normalized names of what the lock wants on this platform for building, and not for the app."""
    return frozenset(locked_here(lock, BUILD_GROUPS)) - frozenset(locked_here(lock, RUNTIME_GROUPS))


def build_only_modules(settings: ReleaseSettings, lock: LockFile) -> tuple[str, ...]:
    """The top-level names, in order, that only distributions have which the lock does not want for the app."""
    build_only = build_only_distributions(lock)
    if not build_only:
        return ()
    needed = {
        *_top_level_names(locked_here(lock, RUNTIME_GROUPS)),
        *own_packages(settings.project_name),
        *sys.stdlib_module_names,
    }
    return tuple(sorted(_top_level_names(build_only) - needed))


def undeclared_import_problems(name: str, tree: ast.Module, build_only: Collection[str]) -> list[Problem]:
    """One problem for each import in the file `name` of what the app does not depend on, unless it can do without."""
    return [
        Problem(
            what=f"{name}:{line} imports {module}, which is there for the build only: the app does not depend on it",
            hint="add its distribution to the project's dependencies, then: poetry lock",
        )
        for line, module in _needed_imports(tree.body)
        if module.partition(".")[0] in build_only
    ]


def _top_level_names(names: Iterable[str]) -> set[str]:
    modules = (module_name(file.path) for name in names for file in recorded_files(distribution(name)))
    return {module.partition(".")[0] for module in modules if module}


def _needed_imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and module of every import that is neither for types only nor prepared to fail."""
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
