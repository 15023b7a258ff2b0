"""The pure modules of Python's standard library, which are all bundled.

An app loads some of them by name, and so does what its users write for it: plugins, scripts, configuration.
"""

import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from release_tools.archives import write_stored_zip
from release_tools.binaries.rpaths import Entry

# The modules that Python needs to start, which PyInstaller bundles as one file.
BASE_LIBRARY: Final = "base_library.zip"

# Python's own tests, its editor and tutorials, and what needs an installation of Python to work on. Windows need Tk.
_NOT_BUNDLED: Final = frozenset(
    {"__phello__", "antigravity", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "this"}
    | {"tkinter", "turtle", "turtledemo"}
)


def pure_modules(folder: Path | None = None) -> Mapping[str, Path]:
    """The standard library's modules that are Python source, by dotted name, in order. `folder` is where it is."""
    root = folder or Path(sysconfig.get_path("stdlib"))
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in _sources(root)
    }


def with_sorted_base_library(datas: Iterable[Entry], folder: Path) -> list[Entry]:
    """The same table, with a copy of `base_library.zip` in `folder` whose members are in order of name.

    PyInstaller writes them in the order of its module graph, which isn't the same in every run.
    """
    return [
        (name, str(_sorted_archive(Path(source), folder / name)), kind)
        if name == BASE_LIBRARY
        else (name, source, kind)
        for name, source, kind in datas
    ]


def _sorted_archive(source: Path, path: Path) -> Path:
    with zipfile.ZipFile(source) as opened:
        return write_stored_zip(path, ((name, opened.read(name)) for name in sorted(opened.namelist())))


def modules_in_base_library(datas: Iterable[Entry]) -> set[str]:
    """The modules that PyInstaller put into `base_library.zip`, one of these entries, for Python's start."""
    library = next((source for name, source, _ in datas if name == BASE_LIBRARY), None)
    if library is None:
        return set()
    with zipfile.ZipFile(library) as opened:
        return set(map(module_of_member, opened.namelist()))


def module_of_member(path: str) -> str:
    """The dotted name of the module that a path in an archive of modules has."""
    return path.rpartition(".")[0].replace("/", ".").removesuffix(".__init__")


def _sources(folder: Path, depth: int = 0) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _NOT_BUNDLED or path.stem in _NOT_BUNDLED or not path.stem.isidentifier():
            continue
        is_package = path.is_dir() and (path / "__init__.py").is_file()
        if is_package and (depth or path.name in sys.stdlib_module_names):
            yield from _sources(path, depth + 1)
        elif path.suffix == ".py" and (depth or path.stem in sys.stdlib_module_names):
            yield path
