"""The pure modules of Python's standard library, which are all bundled.

An app loads some of them by name, and so does what its users write for it: plugins, scripts, configuration.
"""

import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

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


def with_sorted_base_library(datas: Iterable[tuple[str, str, str]], folder: Path) -> list[tuple[str, str, str]]:
    """The same TOC entries with a copy of `base_library.zip` in `folder` whose members are in order of name.

    PyInstaller writes them in the order of its module graph, which isn't the same in every run.
    """
    return [
        (name, str(_sorted_archive(Path(source), folder / name)), kind)
        if name == BASE_LIBRARY
        else (name, source, kind)
        for name, source, kind in datas
    ]


def _sorted_archive(source: Path, path: Path) -> Path:
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as opened, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as written:
        for member in sorted(opened.infolist(), key=lambda member: member.filename):
            entry = zipfile.ZipInfo(member.filename, member.date_time)
            entry.create_system = 3  # Unix on every host, for equal bytes
            written.writestr(entry, opened.read(member))
    return path


def modules_in_base_library(datas: Iterable[tuple[str, str, str]]) -> set[str]:
    """The modules that PyInstaller put into `base_library.zip`, one of these TOC entries, for Python's start."""
    library = next((source for name, source, _ in datas if name == BASE_LIBRARY), None)
    if library is None:
        return set()
    with zipfile.ZipFile(library) as opened:
        return {name.rpartition(".")[0].replace("/", ".").removesuffix(".__init__") for name in opened.namelist()}


def _sources(folder: Path, depth: int = 0) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _NOT_BUNDLED or path.stem in _NOT_BUNDLED or not path.stem.isidentifier():
            continue
        is_package = path.is_dir() and (path / "__init__.py").is_file()
        if is_package and (depth or path.name in sys.stdlib_module_names):
            yield from _sources(path, depth + 1)
        elif path.suffix == ".py" and (depth or path.stem in sys.stdlib_module_names):
            yield path
