"""Packages without `__init__.py`, which several distributions may fill (PEP 420).

Plugins live in them, and are found by listing the folder at run time: no import names them, so the analysis of a
freeze does not see them and the frozen program silently has none. The freeze bundles every module that is named here.
"""

from collections.abc import Iterable
from importlib.metadata import Distribution

from release_tools.distributions import module_name, recorded_files


def namespace_modules(distributions: Iterable[Distribution]) -> tuple[str, ...]:
    """Every module inside the namespace packages of these distributions, whichever of them owns it.

    A folder without `__init__.py` inside a regular package counts only where two distributions put modules into it: in
    a single one it is an oversight, and mostly holds examples or test data.
    """
    regular: set[str] = set()
    owners: dict[str, set[str]] = {}
    modules: set[str] = set()
    for installed in distributions:
        owner = installed.name
        for file in recorded_files(installed):
            name = module_name(file.path)
            if name is None:
                continue
            modules.add(name)
            if file.path.rpartition("/")[2].startswith("__init__."):
                regular.add(name)
            for folder in _packages_of(name):
                owners.setdefault(folder, set()).add(owner)

    def is_namespace(package: str) -> bool:
        is_open = not regular.intersection((package, *_packages_of(package)))
        return is_open or (package not in regular and len(owners[package]) > 1)

    namespaces = {package for package in owners if is_namespace(package)}
    return tuple(sorted(module for module in modules if namespaces.intersection(_packages_of(module))))


def without_excluded(modules: Iterable[str], excluded: Iterable[str]) -> tuple[str, ...]:
    """These modules without the ones that are excluded, by their own name or their package's."""
    names = frozenset(excluded)
    return tuple(module for module in modules if not names.intersection((module, *_packages_of(module))))


def _packages_of(module: str) -> list[str]:
    """The packages around a module, from the outermost: `a.b.c` is in `a` and `a.b`."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
