"""Finds modules whose source file the program opens: by its name, or by listing the source files of a folder.

Such as a script that it runs in another Python, or a plugin that it finds by a pattern. They are bundled as files too.
A module that is only imported needs none. Executed by `freeze.spec`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Final

from release_tools.binaries.code_objects import blocks_of, strings_in

# A file name alone or with folders, as in `Path(__file__).parent / "_collect.py"`; a sentence has spaces.
_SOURCE_FILE: Final = re.compile(r"(?:[\w.-]+/)*([\w-]+\.py|\*\.py)", re.ASCII)
_ALL: Final = "*.py"
_LISTING_FUNCTIONS: Final = frozenset({"glob", "iglob", "iterdir", "listdir", "rglob", "scandir", "walk"})
_OWN_PLACE: Final = frozenset({"__file__", "__path__"})

# Nearly every package has these, and they are named for other reasons.
_COMMON_NAMES: Final = frozenset({"__init__.py", "__main__.py", "conftest.py", "setup.py"})


def opened_as_files(
    codes: Mapping[str, CodeType], module_files: Mapping[str, str], *, with_patterns: bool
) -> tuple[str, ...]:
    """The source files that these modules open or list, in order.

    `codes` are the bundled modules of one distribution, and `module_files` all its modules, by dotted name. A string
    may name the file, or a module list its own folder. With patterns, `*.py` where files are listed means all.
    """
    named = {name for code in codes.values() for name in _source_files_named_in(code)}
    if with_patterns and _ALL in named:
        return tuple(sorted(module_files.values()))
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for path in module_files.values():
        by_name[path.rpartition("/")[2]].add(path)
    listing = [module_files[name].rpartition("/")[0] for name, code in codes.items() if _lists_its_folder(code)]
    found = {path for path in module_files.values() if path.startswith(tuple(f"{folder}/" for folder in listing))}
    return tuple(sorted(found.union(*(by_name.get(name, ()) for name in named - _COMMON_NAMES))))


def _lists_its_folder(module: CodeType) -> bool:
    """Whether a function lists files and uses the module's place, itself or by a constant of the module."""
    is_placed = not _OWN_PLACE.isdisjoint(module.co_names)
    constants = {name for name in module.co_names if name.isupper()} if is_placed else set()
    return any(
        not _LISTING_FUNCTIONS.isdisjoint(block.co_names) and not {*_OWN_PLACE, *constants}.isdisjoint(block.co_names)
        for block in blocks_of(module)
    )


def _source_files_named_in(module: CodeType) -> Iterator[str]:
    for block in blocks_of(module):
        # In functions that list nothing, a pattern is about the user's files.
        is_listing = not _LISTING_FUNCTIONS.isdisjoint(block.co_names)
        for text in strings_in(block):
            found = _SOURCE_FILE.fullmatch(text) if text.endswith(".py") else None
            if found and (found[1] != _ALL or is_listing):
                yield found[1]
