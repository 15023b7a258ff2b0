"""Finds code in the project that works from source but fails when frozen, by the patterns in `patterns/`."""

from collections.abc import Collection, Iterable
from typing import Final

from release_tools.distributions import InstalledDistribution, InstalledEnvironment
from release_tools.errors import Problem
from release_tools.preflight.patterns import early_processes, places, scripts
from release_tools.preflight.patterns.early_processes import early_process_problems
from release_tools.preflight.patterns.modules import modules_with, sources_of
from release_tools.preflight.patterns.own_folder import own_folder_problems
from release_tools.preflight.patterns.places import Places
from release_tools.preflight.patterns.scripts import script_problems, scripts_of
from release_tools.preflight.patterns.undeclared_imports import undeclared_import_problems

# Parsing is slow, and few modules have any of these words.
_WORDS: Final = (*early_processes.WORDS, *places.WORDS, *scripts.WORDS)


def own_code_problems(installed: InstalledEnvironment, executable: str) -> list[Problem]:
    """Problems in the project's installed sources, with file and line. `executable` is the script that's frozen."""
    modules = _parsed_modules(installed.project, (*_WORDS, *map(str.encode, installed.build_only_modules)))
    shipped = _with_folders(file.path for file in installed.project.files)
    scripts_left_out = scripts_of(*installed.direct)
    scripts_left_out.pop(executable, None)
    return [
        problem
        for one in modules
        for problem in (
            *early_process_problems(one.module),
            *undeclared_import_problems(one.module, installed.build_only_modules),
            *own_folder_problems(one, shipped),
            *script_problems(one, scripts_left_out),
        )
    ]


def _parsed_modules(project: InstalledDistribution, words: Collection[bytes]) -> list[Places]:
    """The modules with one of these words, and those that have the name of a place in one of them."""
    waiting = sources_of(project)
    found: dict[str, Places] = {}
    while words:
        new = [Places(module, found) for module in modules_with(waiting, words)]
        found.update({one.module.name or one.module.path: one for one in new})
        parsed = {one.module.path for one in new}
        waiting = {path: source for path, source in waiting.items() if path not in parsed}
        words = {name.removesuffix("()").encode() for one in new for name in one.exported()}
    return sorted(found.values(), key=lambda one: one.module.path)


def _with_folders(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        parent = path
        # Once a folder is known, so are those that it's in.
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found
