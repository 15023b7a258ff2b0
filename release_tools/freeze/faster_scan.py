"""Makes PyInstaller's analysis less than half as long, with the same result. Executed by `freeze.spec`.

Half of an analysis goes into `dis.get_instructions`, which describes every instruction of every module, while
PyInstaller's scanner looks at imports and at names that are stored or deleted, and passes over the rest. This walks the
bytecode itself and hands over just those. Its other scanner looks for imports in the syntax tree, and calls a method
for every constant, name and operator; imports are statements, and statements stand in statements only.
"""

import ast
import dis
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Final, NamedTuple

# The scanner is private to PyInstaller, and the bytecode to Python: any other release gets the ordinary way.
KNOWN_PYINSTALLER: Final = "6.22."
KNOWN_PYTHON: Final = (3, 13)

_CACHE: Final = dis.opmap["CACHE"]
_EXTENDED_ARG: Final = dis.opmap["EXTENDED_ARG"]
_LOAD_CONST: Final = dis.opmap["LOAD_CONST"]
_IMPORT_NAME: Final = dis.opmap["IMPORT_NAME"]
_NAME_OPERATIONS: Final = {
    dis.opmap[name]: name for name in ("STORE_NAME", "STORE_GLOBAL", "DELETE_NAME", "DELETE_GLOBAL")
}
_WANTED: Final = frozenset({_IMPORT_NAME, *_NAME_OPERATIONS})

# The fields of a statement, and of the parts of a statement, that hold statements.
_BLOCKS: Final = frozenset({"body", "handlers", "orelse", "finalbody", "cases"})


class ScannedInstruction(NamedTuple):
    """The two fields of `dis.Instruction` that the scanner reads."""

    opname: str
    argval: object


def iterate_wanted_instructions(code: CodeType) -> Iterator[ScannedInstruction | None]:
    """The instructions that the scanner acts on, in its order: an import comes after the two constants it takes.

    As in `PyInstaller.lib.modulegraph.util.iterate_instructions`, None ends each block, and nested blocks follow.
    """
    instructions = code.co_code
    # The bytes at even places are the operations, so this tells at once that a block has nothing to look at.
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
                # The scanner stops with an error of its own where an import is not preceded by two constants.
                name = dis.opname[constant_operation]
                yield ScannedInstruction(name, code.co_consts[constant] if constant_operation == _LOAD_CONST else None)
            yield ScannedInstruction("IMPORT_NAME", code.co_names[argument])
        elif operation in _NAME_OPERATIONS:
            yield ScannedInstruction(_NAME_OPERATIONS[operation], code.co_names[argument])
        before_last, last = last, (operation, argument)


def visit_blocks(visitor: ast.NodeVisitor, node: ast.AST) -> None:
    """Visit the statements inside `node`, in their order, and none of its expressions.

    Takes the place of `ast.NodeVisitor.generic_visit` for a visitor that acts on statements alone.
    """
    for field in node._fields:
        if field in _BLOCKS and isinstance(block := getattr(node, field), list):
            for statement in block:
                visitor.visit(statement)


def install() -> bool:
    """Replace PyInstaller's ways where it is the known one; returns whether it did."""
    import PyInstaller  # noqa: PLC0415 - there is none where only the scan itself is used
    from PyInstaller.lib.modulegraph import modulegraph, util  # noqa: PLC0415

    if sys.version_info[:2] != KNOWN_PYTHON or not PyInstaller.__version__.startswith(KNOWN_PYINSTALLER):
        return False
    util.iterate_instructions = iterate_wanted_instructions
    modulegraph._Visitor.generic_visit = visit_blocks  # noqa: SLF001 - as is the rest
    return True
