"""Speeds up PyInstaller's analysis to less than half the time, with the same result. Executed by `freeze.spec`.

An analysis spends half its time in `dis.get_instructions`, which describes every instruction of every module, although
PyInstaller's bytecode scanner only acts on imports and on names stored or deleted. This walks the bytecode and yields
just those. PyInstaller's other scanner looks for imports in the syntax tree and visits every constant, name and
operator; but imports are statements, which are only nested in other statements. Looking up the edges of the graph takes
another eighth, and files and a copy of the graph that nobody reads a tenth. Five processes only list what PyInstaller
can list itself: modules of the standard library, and the folder of the community's hooks.
"""

import ast
import dis
import functools
import importlib
import importlib.metadata
import pkgutil
import sys
from collections.abc import Iterator
from types import CodeType, SimpleNamespace
from typing import Any, Final, NamedTuple

# The scanner and the bytecode are internals, so any other release gets the original scanners.
KNOWN_PYINSTALLER: Final = "6.22."
KNOWN_PYTHON: Final = (3, 13)

_COMMUNITY_HOOKS: Final = "_pyinstaller_hooks_contrib"

_CACHE: Final = dis.opmap["CACHE"]
_EXTENDED_ARG: Final = dis.opmap["EXTENDED_ARG"]
_LOAD_CONST: Final = dis.opmap["LOAD_CONST"]
_IMPORT_NAME: Final = dis.opmap["IMPORT_NAME"]
_NAME_OPERATIONS: Final = {
    dis.opmap[name]: name for name in ("STORE_NAME", "STORE_GLOBAL", "DELETE_NAME", "DELETE_GLOBAL")
}
_WANTED: Final = frozenset({_IMPORT_NAME, *_NAME_OPERATIONS})

# The fields of statements, and of their parts, that contain statements.
_BLOCKS: Final = frozenset({"body", "handlers", "orelse", "finalbody", "cases"})


class ScannedInstruction(NamedTuple):
    """The two fields of `dis.Instruction` that the scanner reads."""

    opname: str
    argval: object


def iterate_wanted_instructions(code: CodeType) -> Iterator[ScannedInstruction | None]:
    """The instructions that the scanner acts on, in order, with the two constants before each import.

    As in `PyInstaller.lib.modulegraph.util.iterate_instructions`, None ends each block, and nested blocks follow.
    """
    instructions = code.co_code
    # The opcodes are at even positions, so this skips a block without wanted instructions at once.
    if not _WANTED.isdisjoint(instructions[::2]):
        yield from _wanted_in_block(code, instructions)
    yield None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from iterate_wanted_instructions(constant)


def _wanted_in_block(code: CodeType, instructions: bytes) -> Iterator[ScannedInstruction]:
    extension = 0
    before_last = last = (_CACHE, 0)
    for operation, low_byte in zip(instructions[::2], instructions[1::2], strict=True):
        if operation == _CACHE:
            continue
        argument = low_byte | extension
        extension = argument << 8 if operation == _EXTENDED_ARG else 0
        if operation == _EXTENDED_ARG:
            continue
        if operation == _IMPORT_NAME:
            for constant_operation, constant in (before_last, last):
                # The scanner itself fails if an import isn't preceded by two constants.
                name = dis.opname[constant_operation]
                yield ScannedInstruction(name, code.co_consts[constant] if constant_operation == _LOAD_CONST else None)
            yield ScannedInstruction("IMPORT_NAME", code.co_names[argument])
        elif operation in _NAME_OPERATIONS:
            yield ScannedInstruction(_NAME_OPERATIONS[operation], code.co_names[argument])
        before_last, last = last, (operation, argument)


def visit_blocks(visitor: ast.NodeVisitor, node: ast.AST) -> None:
    """Visit the statements inside `node`, in order, but not its expressions.

    Replaces `ast.NodeVisitor.generic_visit` for a visitor that only acts on statements.
    """
    for field in node._fields:
        if field in _BLOCKS and isinstance(block := getattr(node, field), list):
            for statement in block:
                visitor.visit(statement)


def edge_between(graph: Any, head: object, tail: object) -> object:
    """The first edge from one node to another, or None.

    Replaces `altgraph.Graph.edge_by_node`, which looks at every edge that leaves a node, and packages have thousands.
    """
    outgoing = graph.out_edges(head)
    incoming = graph.nodes[tail][0] if tail in graph.nodes else ()
    if len(incoming) < len(outgoing):
        # Almost always one at most, so that their order doesn't matter.
        found = {edge for edge in incoming if graph.head(edge) == head}
        if len(found) <= 1:
            return next(iter(found), None)
    return next((edge for edge in outgoing if graph.tail(edge) == tail), None)


def modules_of(package: str) -> list[str]:
    """The names of a package of the standard library and of all modules in it.

    Replaces `PyInstaller.utils.hooks.collect_submodules`, which imports packages in a process of their own, for those
    that PyInstaller itself has imported.
    """
    names = [package]
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        names += modules_of(module.name) if module.ispkg else [module.name]
    return names


def collect_modules(collect: Any, package: str, *arguments: Any, **options: Any) -> Any:
    """What PyInstaller's `collect_submodules` finds for a hook, in this process if it's `encodings`."""
    is_usual = package == "encodings" and not arguments and not options
    return modules_of(package) if is_usual else collect(package, *arguments, **options)


def hook_folders(discover: Any) -> Any:
    """What PyInstaller's `discover_hook_directories` finds, in this process if there are only the community's hooks.

    PyInstaller asks in another process, because it imports the packages with hooks. Importing theirs has no effect.
    """
    found = importlib.metadata.entry_points(group="pyinstaller40", name="hook-dirs")
    is_usual = all(one.module == _COMMUNITY_HOOKS for one in found)
    return discover.__wrapped__() if is_usual else discover()


def is_known() -> bool:
    """Whether this is a release of Python and of PyInstaller whose internals are as expected here."""
    import PyInstaller  # noqa: PLC0415 - only the freeze needs PyInstaller

    return sys.version_info[:2] == KNOWN_PYTHON and PyInstaller.__version__.startswith(KNOWN_PYINSTALLER)


def install() -> bool:
    """Replace PyInstaller's slow parts in the known releases; returns whether it did."""
    from altgraph.Graph import Graph  # noqa: PLC0415 - only the freeze needs PyInstaller
    from PyInstaller.building import build_main  # noqa: PLC0415
    from PyInstaller.building.datastruct import Target  # noqa: PLC0415
    from PyInstaller.depend import analysis  # noqa: PLC0415
    from PyInstaller.lib.modulegraph import modulegraph, util  # noqa: PLC0415
    from PyInstaller.utils import hooks  # noqa: PLC0415

    if not is_known():
        return False
    util.iterate_instructions = iterate_wanted_instructions
    modulegraph._Visitor.generic_visit = visit_blocks  # noqa: SLF001 - see KNOWN_PYINSTALLER
    Graph.edge_by_node = edge_between
    # Called only for the base modules.
    analysis.collect_submodules = modules_of
    hooks.collect_submodules = functools.partial(collect_modules, hooks.collect_submodules)
    build_main.discover_hook_directories = functools.partial(hook_folders, build_main.discover_hook_directories)
    # A copy of the graph of the base modules is kept for another analysis with the same exclusions, which never comes.
    analysis.deepcopy = lambda _: SimpleNamespace(_excludes=None)
    # For the next build in the same folder, which is emptied, and for looking at in a browser.
    Target._save_guts = _do_nothing  # noqa: SLF001
    build_main.Analysis._write_graph_debug = _do_nothing  # noqa: SLF001
    return True


def hide_setuptools() -> None:
    """Let PyInstaller not find setuptools, for an app that doesn't have it.

    It would find the tools', and start a process that imports the packages vendored in it.
    """
    from PyInstaller.utils.hooks import setuptools  # noqa: PLC0415

    if is_known():
        setuptools._retrieve_setuptools_info = lambda: None  # noqa: SLF001


def _do_nothing(_target: object) -> None:
    """Save the time that PyInstaller spends on files that nobody reads."""
