"""Walks compiled Python code: a module's code object, and those of its functions and classes inside it."""

from collections.abc import Iterable, Iterator
from types import CodeType


def blocks_of(code: CodeType) -> Iterator[CodeType]:
    """The code object, then all that are nested in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from blocks_of(constant)


def strings_in(block: CodeType) -> Iterator[str]:
    """The strings among the constants of one code object, also those in tuples and sets."""
    return _strings(block.co_consts)


def _strings(constants: Iterable[object]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from _strings(constant)
