"""Two distributions that claim one name, and names that hide others, seen from the RECORDs alone.

From source such a pair may work, by the order of the path or by a loader that searches it. A frozen program holds one
module of each name, and fails on the machine of its user.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from release_tools.distributions import InstalledDistribution, RecordedFile, module_name
from release_tools.errors import Problem

# Folders that are installed beside the packages by mistake, and that nothing imports.
_STRAY_FOLDERS: Final = frozenset({"benchmarks", "doc", "docs", "example", "examples", "test", "tests"})

# How packages said that others may fill them before PEP 420; each of them brings the same `__init__.py`.
_OLD_NAMESPACE_MARKS: Final = ("extend_path", "declare_namespace")


def collision_problems(installed: Iterable[InstalledDistribution], own: InstalledDistribution) -> list[Problem]:
    """Every name that more than one distribution claims, and every one that hides a module of another kind.

    `own` is the project's, one of the `installed`. A module that a package hides is told for it alone: what another
    distribution hides from itself, its authors tried out.
    """
    everything = sorted(installed, key=lambda one: one.name.lower())
    claims = _claims(everything)
    return [
        *_shared_name_problems(claims),
        *_overwritten_file_problems(everything, frozenset(claims)),
        *_standard_library_problems(everything, own),
        *_hidden_module_problems(own),
    ]


def _claims(
    everything: Iterable[InstalledDistribution],
) -> Mapping[str, list[tuple[InstalledDistribution, RecordedFile]]]:
    """The top-level names that two or more distributions own a module or a regular package of."""
    claims: dict[str, list[tuple[InstalledDistribution, RecordedFile]]] = defaultdict(list)
    for one in everything:
        for file in one.files:
            name = module_name(file.path)
            # The `__init__.py` of a package has the package's name: no dot means the top level.
            if name and "." not in name and name not in _STRAY_FOLDERS:
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
                what=f"the name {name!r} belongs to two distributions: {owners}; "
                "a frozen program holds only one of them",
                hint=f"{_asks_for(names)} say which dependency asks for each: drop or update one, so that the lock has "
                f"a single owner of {name!r}",
            )
        )
    return problems


def _overwritten_file_problems(everything: Iterable[InstalledDistribution], told: frozenset[str]) -> list[Problem]:
    owners: dict[str, list[tuple[InstalledDistribution, str]]] = defaultdict(list)
    for one in everything:
        for file in one.files:
            if "/" in file.path and file.path.partition("/")[0] not in {*told, *_STRAY_FOLDERS}:
                owners[file.path].append((one, file.digest))
    return [
        Problem(
            what=f"the file {path} belongs to two distributions with different contents: "
            f"{' and '.join(one.label for one, _ in owned)}; the one installed last has damaged the other",
            hint=f"{_asks_for([one.name for one, _ in owned])} say which dependency asks for each: drop or update one",
        )
        for path, owned in sorted(owners.items())
        if len({digest for _, digest in owned}) > 1 and not all(_is_old_namespace(one.locate(path)) for one, _ in owned)
    ]


def _standard_library_problems(
    everything: Iterable[InstalledDistribution], own: InstalledDistribution
) -> list[Problem]:
    return [
        Problem(
            what=f"{path} of {one.label} has the name of the standard library's {name!r}: only one of the two can "
            "be imported",
            hint="rename it" if one is own else f"{_asks_for([one.name])} says who needs it: drop or update it",
        )
        for one in everything
        for name, path in _top_level_names(one).items()
        if name in sys.stdlib_module_names
    ]


def _top_level_names(one: InstalledDistribution) -> dict[str, str]:
    """Each importable top-level name with the first of its files."""
    names: dict[str, str] = {}
    for file in one.files:
        name = module_name(file.path)
        if name:
            names.setdefault(name.partition(".")[0], file.path)
    return names


def _hidden_module_problems(own: InstalledDistribution) -> list[Problem]:
    files: dict[str, list[str]] = defaultdict(list)
    for file in own.files:
        name = module_name(file.path)
        if name:
            files[name].append(file.path)
    return [
        Problem(
            what=f"{module} and {package} of {own.label} are both {name!r}: the package hides the module",
            hint="rename one of them",
        )
        for name, paths in sorted(files.items())
        for package in paths
        for module in paths
        if _is_package_file(package) and not _is_package_file(module)
    ]


def _is_package_file(path: str) -> bool:
    return path.rpartition("/")[2].startswith("__init__.")


def _asks_for(names: list[str]) -> str:
    return " and ".join(f"`poetry show --why {name}`" for name in names)
