"""List what the import audit imports: everything that's bundled, and what bundled code imports by name.

It's read from the shipped executable and from the metadata of the frozen environment.
"""

import dis
import importlib.util
import marshal
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath
from types import CodeType
from typing import Final

from release_tools.binaries.code_objects import blocks_of, strings_in
from release_tools.binaries.payload import BINARY, DATA, Payload
from release_tools.distributions import InstalledDistribution, InstalledEnvironment
from release_tools.freeze.selection import is_foreign_group

# Importing these prints, or opens a browser or a window.
_NOT_IMPORTED: Final = ("this", "antigravity", "idlelib", "turtle", "turtledemo")

_IMPORT_NAME, _EXTENDED_ARG, _LOAD_CONST = (dis.opmap[name] for name in ("IMPORT_NAME", "EXTENDED_ARG", "LOAD_CONST"))
_LOAD_SMALL_INT: Final = dis.opmap.get("LOAD_SMALL_INT")


@dataclass(frozen=True, kw_only=True)
class ImportList:
    """Names of modules, (module, name) pairs, (group, name, value) of entry points, and names of distributions.

    `public_names` are (module, name) pairs from `__all__`; if empty, the probe reads the `__all__` of every module.
    """

    modules: tuple[str, ...]
    names: tuple[tuple[str, str], ...]
    public_names: tuple[tuple[str, str], ...] = ()
    entry_points: tuple[tuple[str, str, str], ...]
    distributions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BundledCode:
    """The bundle's modules: their code by name, which ones are packages, and the names of all, with or without code."""

    codes: Mapping[str, CodeType]
    packages: frozenset[str]
    modules: frozenset[str]


def read_bundled_code(executable: Path, within: Collection[str] = ()) -> BundledCode:
    """Read every module of a one-file executable, or only those `within` these top-level names.

    That takes about 2 s for 8,000 modules.
    """
    payload = Payload(executable)
    codes = {
        # It's executed by the program anyway.
        name: marshal.loads(content)  # noqa: S302
        for name, content in payload.read_modules()
        if not within or name.partition(".")[0] in within
    }
    packages = {name for name in payload.packages if not within or name.partition(".")[0] in within}
    return BundledCode(
        codes=codes,
        packages=frozenset(packages),
        modules=frozenset({*codes, *packages, *_modules_in_files(payload)}),
    )


def list_imports(installed: InstalledEnvironment, bundled: BundledCode) -> ImportList:
    """Everything that must be possible to import in the bundle."""
    names = {
        (target, name)
        for module, code in bundled.codes.items()
        for target, imported in imported_names(code, _package_of(module, bundled))
        for name in imported
        if target in bundled.modules and name != "*"
    }
    has_metadata = "importlib.metadata" in bundled.modules
    return ImportList(
        modules=tuple(sorted(filter(_is_imported, bundled.modules))),
        names=tuple(sorted((target, name) for target, name in names if _is_imported(target))),
        entry_points=tuple(sorted(_entry_points(installed.bundled))) if has_metadata else (),
        distributions=tuple(sorted(found.name for found in installed.bundled)) if has_metadata else (),
    )


def users_of_attribute(bundled: BundledCode, package: str, name: str) -> tuple[str, ...]:
    """The bundled modules outside `package` that import the package itself and use the identifier `name`."""
    return tuple(
        module
        for module, code in sorted(bundled.codes.items())
        if module != package and not module.startswith(f"{package}.") and _may_use(code, package, name)
    )


def mentions_text(bundled: BundledCode, text: str) -> bool:
    """Whether the text is in a string of the bundled code."""
    return any(
        text in string for code in bundled.codes.values() for block in blocks_of(code) for string in strings_in(block)
    )


def imported_names(code: CodeType, package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every import in a module's code, including functions: the absolute module, and the names imported from it.

    `import module` has no names; `*` counts as a name. `package` resolves relative imports.
    """
    for block in blocks_of(code):
        raw = block.co_code
        position = raw.find(_IMPORT_NAME)
        while position >= 0:
            # Each instruction has two bytes, and the first is the opcode.
            if position % 2 == 0:
                yield from _import_at(block, position, package)
            position = raw.find(_IMPORT_NAME, position + 1)


def _package_of(module: str, bundled: BundledCode) -> str:
    return module if module in bundled.packages else module.rpartition(".")[0]


def _may_use(code: CodeType, package: str, name: str) -> bool:
    # Most modules don't mention it, which is faster to find out.
    return _mentions(code, name) and any(
        (target == package and (not names or "*" in names)) or (not names and target.startswith(f"{package}."))
        for target, names in imported_names(code, "")
    )


def _mentions(code: CodeType, name: str) -> bool:
    return any(name in block.co_names for block in blocks_of(code))


def _import_at(code: CodeType, position: int, package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    # The compiler emits: load the level, load the tuple of names, import.
    module_index, before = _argument(code.co_code, position)
    names_index, before_names = _argument(code.co_code, before)
    level_index, _ = _argument(code.co_code, before_names)
    if code.co_code[before] != _LOAD_CONST:
        return
    is_small = code.co_code[before_names] == _LOAD_SMALL_INT
    names, level = code.co_consts[names_index], level_index if is_small else code.co_consts[level_index]
    if not isinstance(level, int):
        return
    module = code.co_names[module_index]
    if level:
        try:
            module = importlib.util.resolve_name("." * level + module, package)
        except ImportError:
            return
    yield module, names or ()


def _argument(raw: bytes, position: int) -> tuple[int, int]:
    """The argument of the instruction at `position`, and the position of the previous instruction."""
    value, shift = raw[position + 1], 8
    position -= 2
    while position >= 0 and raw[position] == _EXTENDED_ARG:
        value |= raw[position + 1] << shift
        shift += 8
        position -= 2
    return value, max(position, 0)


def _modules_in_files(payload: Payload) -> Iterator[str]:
    """The names of extension modules, and of modules that are bundled only as source files."""
    paths = {PurePosixPath(member.name): member.kind for member in payload.members}
    for path, kind in paths.items():
        suffix = next((it for it in EXTENSION_SUFFIXES if path.name.endswith(it)), None)
        if kind == BINARY and suffix is not None:
            parts = path.parts[2:] if path.parts[1:2] == ("lib-dynload",) else path.parts
            # A package may be compiled too.
            name = ".".join((*parts[:-1], path.name.removesuffix(suffix))).removesuffix(".__init__")
        elif kind == DATA and path.suffix == ".py" and _is_in_package(path, paths):
            name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        else:
            continue
        if all(part.isidentifier() for part in name.split(".")):
            yield name


def _is_in_package(path: PurePosixPath, paths: Mapping[PurePosixPath, str]) -> bool:
    return len(path.parts) > 1 and all(parent / "__init__.py" in paths for parent in path.parents[:-1])


def _entry_points(distributions: tuple[InstalledDistribution, ...]) -> Iterator[tuple[str, str, str]]:
    for found in distributions:
        for point in found.entry_points:
            if not is_foreign_group(point.group):
                yield point.group, point.name, point.value


def _is_imported(name: str) -> bool:
    parts = name.split(".")
    return parts[0] not in _NOT_IMPORTED and parts[-1] != "__main__"
