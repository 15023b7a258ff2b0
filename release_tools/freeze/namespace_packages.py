"""Packages without `__init__.py`, which several distributions may fill (PEP 420).

Plugins live in them, and are found by listing the folder at run time: no import names them, so the analysis of a
freeze does not see them and the frozen program silently has none. The freeze bundles every module that is named here.
"""

from collections.abc import Iterable

from release_tools.distributions import InstalledDistribution, module_name


def namespace_modules(distributions: Iterable[InstalledDistribution]) -> tuple[str, ...]:
    """Every module inside the namespace packages of these distributions, whichever of them owns it.

    A folder without `__init__.py` inside a regular package counts only where two distributions put modules into it: in
    a single one it is an oversight, and mostly holds examples or test data.
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
    """These modules without the ones that are excluded, by their own name or their package's."""
    names = frozenset(excluded)
    return tuple(module for module in modules if not names.intersection((module, *_packages_of(module))))


def _path_folders(installed: InstalledDistribution) -> tuple[str, ...]:
    """The folders, each with a slash at its end, that a distribution's `.pth` files put on the path of Python.

    What lies in them goes by its own name: they are no packages, though they look like namespaces.
    """
    folders: set[str] = set()
    for file in installed.files:
        path = installed.locate(file.path)
        if file.path.endswith(".pth") and "/" not in file.path and path.is_file():
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            # As site.py of the standard library reads them.
            wanted = (line.strip() for line in lines if not line.startswith(("#", "import ", "import\t")))
            folders |= {f"{line.replace(chr(92), '/').strip('/')}/" for line in wanted if line}
    return tuple(sorted(folders))


def _packages_of(module: str) -> list[str]:
    """The packages around a module, from the outermost: `a.b.c` is in `a` and `a.b`."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
