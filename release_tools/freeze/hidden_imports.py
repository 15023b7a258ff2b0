"""The modules to bundle whether or not an import names them.

A program finds some modules only at run time, by a computed name or by listing a package, so PyInstaller's analysis
doesn't see them. In particular, it doesn't see plugins in namespace packages, which have no `__init__.py` and which
several distributions may share (PEP 420).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from release_tools.distributions import InstalledDistribution, InstalledEnvironment, module_name
from release_tools.lockfile import normalized_name
from release_tools.settings import ReleaseSettings

# Looked up by installers, build tools and test runners, never by the app itself.
_FOREIGN_GROUPS: Final = frozenset({"cffi_modules", "console_scripts", "gui_scripts", "pyinstaller40", "pytest11"})
_FOREIGN_GROUP_PREFIXES: Final = ("distutils.", "egg_info.", "hypothesis", "mypy.", "setuptools.")

# `zoneinfo` imports it by name; its hook adds the data.
_TIME_ZONE_DATA: Final = "tzdata"


def modules_found_by_name(settings: ReleaseSettings, installed: InstalledEnvironment) -> tuple[str, ...]:
    """Modules of the project, whole distributions, namespace packages, entry points and time zone data.

    Without those that the settings exclude.
    """
    modules = {module for name in settings.bundled_whole for module in installed.require(name).source_modules}
    modules |= {*namespace_modules(installed.bundled)}
    modules |= entry_point_modules(installed.bundled, installed.project)
    modules |= {_TIME_ZONE_DATA} & {normalized_name(one.name) for one in installed.bundled}
    return without_excluded(sorted(modules), settings.exclude_modules)


def entry_point_modules(distributions: Sequence[InstalledDistribution], project: InstalledDistribution) -> set[str]:
    """The modules that entry points name.

    A missing one is included only if the project names it, so that the freeze fails. In another distribution, it may
    belong to an extra that isn't installed.
    """
    known = {module for installed in distributions for module in installed.modules}
    return {
        point.module
        for installed in distributions
        for point in installed.entry_points
        if not is_foreign_group(point.group) and (point.module in known or installed is project)
    }


def is_foreign_group(group: str) -> bool:
    """Whether an entry point group is only for installers, build tools and test runners."""
    return group in _FOREIGN_GROUPS or group.startswith(_FOREIGN_GROUP_PREFIXES)


def namespace_modules(distributions: Iterable[InstalledDistribution]) -> tuple[str, ...]:
    """Every module in the namespace packages of these distributions.

    A folder without `__init__.py` inside a regular package counts only if two distributions share it. In a single one
    it's an oversight, and usually has examples or test data.
    """
    regular: set[str] = set()
    owners: dict[str, set[str]] = {}
    modules: set[str] = set()
    for installed in distributions:
        path_folders = _path_folders(installed)
        for file in installed.files:
            name = module_name(file.path)
            if name is None or file.path.startswith(path_folders):
                continue
            modules.add(name)
            if file.path.rpartition("/")[2].startswith("__init__."):
                regular.add(name)
            for folder in _packages_of(name):
                owners.setdefault(folder, set()).add(installed.name)

    def is_namespace(package: str) -> bool:
        is_open = not regular.intersection((package, *_packages_of(package)))
        return is_open or (package not in regular and len(owners[package]) > 1)

    namespaces = {package for package in owners if is_namespace(package)}
    return tuple(sorted(module for module in modules if namespaces.intersection(_packages_of(module))))


def without_excluded(modules: Iterable[str], excluded: Iterable[str]) -> tuple[str, ...]:
    """These modules without those whose own or package's name is excluded."""
    names = frozenset(excluded)
    return tuple(module for module in modules if not names.intersection((module, *_packages_of(module))))


def _path_folders(installed: InstalledDistribution) -> tuple[str, ...]:
    """The folders, each with a trailing slash, that a distribution's `.pth` files add to `sys.path`.

    Modules in them are top-level, so these folders aren't packages.
    """
    folders: set[str] = set()
    for file in installed.files:
        path = installed.locate(file.path)
        if file.path.endswith(".pth") and "/" not in file.path and path.is_file():
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            # As the standard library's site.py reads them.
            wanted = (line.strip() for line in lines if not line.startswith(("#", "import ", "import\t")))
            folders |= {f"{line.replace(chr(92), '/').strip('/')}/" for line in wanted if line}
    return tuple(sorted(folders))


def _packages_of(module: str) -> list[str]:
    """The packages around a module, outermost first: `a.b.c` is in `a` and `a.b`."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
