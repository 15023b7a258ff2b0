"""Finds modules whose source file the program opens by name, such as a script that it runs in another Python.

They are bundled as files too. A module that is only imported needs none. Executed by `freeze.spec`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Final

# A file name alone or with folders, as in `Path(__file__).parent / "_collect.py"`; a sentence has spaces.
_SOURCE_FILE: Final = re.compile(r"(?:[\w.-]+/)*([\w-]+\.py)", re.ASCII)

# Nearly every package has these, and they are named for other reasons.
_COMMON_NAMES: Final = frozenset({"__init__.py", "__main__.py", "conftest.py", "setup.py"})


def opened_by_name(codes: Mapping[str, CodeType], module_files: Mapping[str, str]) -> tuple[str, ...]:
    """The source files that a string in the code of a module of the same distribution names, in order.

    `codes` are the bundled modules of one distribution, and `module_files` all its modules, by dotted name.
    """
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for path in module_files.values():
        by_name[path.rpartition("/")[2]].add(path)
    named = {name for code in codes.values() for name in _source_files_named_in(code)} - _COMMON_NAMES
    return tuple(sorted(path for name in named for path in by_name.get(name, ())))


def _source_files_named_in(constant: object) -> Iterator[str]:
    match constant:
        case CodeType():
            yield from _source_files_named_in(constant.co_consts)
        case tuple() | frozenset():
            for item in constant:
                yield from _source_files_named_in(item)
        case str() if constant.endswith(".py") and (found := _SOURCE_FILE.fullmatch(constant)):
            yield found[1]
        case _:
            pass
