"""Finds distributions that provide the same name, and modules that shadow others, from RECORD files alone.

From source, such a pair may work, because of the order of `sys.path` or a loader that searches it. A frozen program has
only one module of each name, and fails on the user's machine.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from release_tools.distributions import STRAY_FOLDERS, InstalledDistribution, RecordedFile, module_name
from release_tools.errors import Problem

# How namespace packages extend their path without PEP 420; every distribution ships the same `__init__.py`.
_OLD_NAMESPACE_MARKS: Final = ("extend_path", "declare_namespace")


def collision_problems(installed: Iterable[InstalledDistribution], own: InstalledDistribution) -> list[Problem]:
    """Names that several distributions provide, overwritten files, and shadowed modules.

    `own` is the project, one of `installed`. A package that shadows a module of the same distribution is reported for
    the project only: elsewhere, a released version works despite it.
    """
    everything = sorted(installed, key=lambda one: one.name.lower())
    claims = _claims(everything)
    return [
        *_shared_name_problems(claims),
        *_overwritten_file_problems(everything, frozenset(claims)),
        *_standard_library_problems(everything, own),
        *_shadowed_module_problems(own),
    ]


def _claims(
    everything: Iterable[InstalledDistribution],
) -> Mapping[str, list[tuple[InstalledDistribution, RecordedFile]]]:
    """The top-level modules and regular packages that several distributions provide, by name."""
    claims: dict[str, list[tuple[InstalledDistribution, RecordedFile]]] = defaultdict(list)
    for one in everything:
        for file in one.files:
            name = module_name(file.path)
            # A package's `__init__.py` has the package's name, so no dot means top level.
            if name and "." not in name and name not in STRAY_FOLDERS:
                claims[name].append((one, file))
    return {name: owned for name, owned in sorted(claims.items()) if _is_contested(owned)}


def _is_contested(owned: list[tuple[InstalledDistribution, RecordedFile]]) -> bool:
    has_one_owner = len({one.name for one, _ in owned}) == 1
    is_one_file = len({(file.path, file.digest) for _, file in owned}) == 1 and owned[0][1].digest
    if has_one_owner or is_one_file:
        return False
    return not all(_is_old_namespace(one.locate(file.path)) for one, file in owned)


def _is_old_namespace(path: Path) -> bool:
    if path.name != "__init__.py" or not path.is_file():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    return any(mark in text for mark in _OLD_NAMESPACE_MARKS)


def _shared_name_problems(claims: Mapping[str, list[tuple[InstalledDistribution, RecordedFile]]]) -> list[Problem]:
    problems = []
    for name, owned in claims.items():
        owners = " and ".join(f"{one.label} ({file.path})" for one, file in owned)
        names = list(dict.fromkeys(one.name for one, _ in owned))
        problems.append(
            Problem(
                what=f"{len(names)} distributions provide {name!r}: {owners}; a frozen program has only one of them",
                hint=f"remove or update one; {_show_why(names)} show what requires them",
            )
        )
    return problems


def _overwritten_file_problems(everything: Iterable[InstalledDistribution], reported: frozenset[str]) -> list[Problem]:
    owners: dict[str, list[tuple[InstalledDistribution, str]]] = defaultdict(list)
    for one in everything:
        for file in one.files:
            if "/" in file.path and file.path.partition("/")[0] not in {*reported, *STRAY_FOLDERS}:
                owners[file.path].append((one, file.digest))
    return [
        Problem(
            what=f"{len(owned)} distributions install {path} with different contents: "
            f"{' and '.join(one.label for one, _ in owned)}; the last one installed overwrote the other",
            hint=f"remove or update one; {_show_why([one.name for one, _ in owned])} show what requires them",
        )
        for path, owned in sorted(owners.items())
        if len({digest for _, digest in owned}) > 1 and not all(_is_old_namespace(one.locate(path)) for one, _ in owned)
    ]


def _standard_library_problems(
    everything: Iterable[InstalledDistribution], own: InstalledDistribution
) -> list[Problem]:
    return [
        Problem(
            what=f"{path} of {one.label} has the same name as the standard library's {name!r}; only one of them can "
            "be imported",
            hint="rename it" if one is own else f"remove or update it; {_show_why([one.name])} shows what requires it",
        )
        for one in everything
        for name, path in _top_level_names(one).items()
        if name in sys.stdlib_module_names
    ]


def _top_level_names(one: InstalledDistribution) -> dict[str, str]:
    """The first file of each importable top-level name."""
    names: dict[str, str] = {}
    for file in one.files:
        name = module_name(file.path)
        if name:
            names.setdefault(name.partition(".")[0], file.path)
    return names


def _shadowed_module_problems(own: InstalledDistribution) -> list[Problem]:
    files: dict[str, list[str]] = defaultdict(list)
    for file in own.files:
        name = module_name(file.path)
        if name:
            files[name].append(file.path)
    return [
        Problem(
            what=f"{package} of {own.label} shadows {module}: both are {name!r}",
            hint="rename one of them",
        )
        for name, paths in sorted(files.items())
        for package in paths
        for module in paths
        if _is_package_file(package) and not _is_package_file(module)
    ]


def _is_package_file(path: str) -> bool:
    return path.rpartition("/")[2].startswith("__init__.")


def _show_why(names: list[str]) -> str:
    return " and ".join(f"`poetry show --why {name}`" for name in names)
