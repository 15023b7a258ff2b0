"""Finds out whether an app opens windows with Tk, which is bundled only then. Executed by `freeze.spec`.

Many packages have a module for Tk that a command-line app never loads. Tk needs libraries of a desktop, so with it
bundled, the program would need what servers and containers don't have.
"""

import sys
from collections.abc import Collection, Iterable
from typing import Any, Final

# What is left out: the package and its extension module.
TK_MODULES: Final = ("tkinter", "_tkinter")


def is_of_tk(module: str) -> bool:
    """Whether a module is part of Tk's package, such as `tkinter.ttk`."""
    return module.partition(".")[0] in TK_MODULES


def leads_to_tk(graph: Any, start_packages: Iterable[str], trusted_packages: Collection[str]) -> bool:
    """Whether the modules of `start_packages` lead to Tk in PyInstaller's module graph.

    An import counts if it's at the top of a module, so that importing the module needs it. In `trusted_packages`, the
    project's and its direct dependencies', an optional import counts too: one in a function, an `if` or a `try`.
    """
    starts = frozenset(start_packages)
    waiting = [node for node in graph.flatten() if _top_level_name(node) in starts]
    seen = set(map(id, waiting))
    while waiting:
        node = waiting.pop()
        is_trusted = _top_level_name(node) in trusted_packages
        for target in graph.outgoing(node):
            if not is_trusted and _is_optional(graph.edgeData(node, target)):
                continue
            if is_of_tk(_name(target)):
                return True
            if id(target) not in seen:
                seen.add(id(target))
                waiting.append(target)
    return False


def is_left_out(graph: Any) -> bool:
    """Whether something other than the standard library imports Tk, which was excluded from the graph."""
    node = graph.find_node("tkinter")
    return type(node).__name__ == "ExcludedModule" and any(
        name.partition(".")[0] not in sys.stdlib_module_names for name, _ in graph.get_importers("tkinter")
    )


def _is_optional(edge: Any) -> bool:
    # An edge without these comes from a hook or from the list of hidden imports.
    return not hasattr(edge, "function") or edge.function or edge.conditional or edge.tryexcept


def _top_level_name(node: Any) -> str:
    return _name(node).partition(".")[0]


def _name(node: Any) -> str:
    # The name of a missing module is in quotes.
    return str(getattr(node, "identifier", "")).strip("'")
