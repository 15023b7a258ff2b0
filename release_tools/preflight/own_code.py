"""Finds code in the project that works from source but fails when frozen, by the patterns in `patterns/`."""

from collections.abc import Collection
from typing import Final

from release_tools.distributions import InstalledDistribution, InstalledEnvironment
from release_tools.errors import Problem
from release_tools.preflight.patterns import early_processes
from release_tools.preflight.patterns.early_processes import early_process_problems
from release_tools.preflight.patterns.modules import OwnModule, is_test, parse_module
from release_tools.preflight.patterns.undeclared_imports import undeclared_import_problems

# Parsing is slow, and few modules have any of these words.
_WORDS: Final = early_processes.WORDS


def own_code_problems(installed: InstalledEnvironment) -> list[Problem]:
    """Problems in the project's installed sources, with file and line."""
    modules = _parsed_modules(installed.project, (*_WORDS, *map(str.encode, installed.build_only_modules)))
    return [
        problem
        for module in modules
        for problem in (
            *early_process_problems(module),
            *undeclared_import_problems(module, installed.build_only_modules),
        )
    ]


def _parsed_modules(project: InstalledDistribution, words: Collection[bytes]) -> list[OwnModule]:
    """The modules with one of these words."""
    paths = [file.path for file in project.files if file.path.endswith(".py") and not is_test(file.path)]
    sources = {path: project.locate(path).read_bytes() for path in paths}
    chosen = [path for path, source in sources.items() if any(word in source for word in words)]
    return [module for path in chosen if (module := parse_module(path, sources[path])) is not None]
