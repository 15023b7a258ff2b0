"""The pure modules of Python's standard library, which are all bundled.

An app loads some of them by name, and so does what its users write for it: plugins, scripts, configuration.
"""

import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

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


def modules_in_base_library(datas: Iterable[tuple[str, str, str]]) -> set[str]:
    """The modules that PyInstaller put into `base_library.zip`, one of these TOC entries, for Python's start."""
    library = next((source for name, source, _ in datas if name == "base_library.zip"), None)
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
