"""Keeps what PyInstaller's analysis finds in each source file, and the file's code, for the next build; also what
native files need, their stripped copies, and what was compressed.

All depend on the content alone. Executed by `freeze.spec`. The analysis of a file that isn't known yet works
with the kept form too: the bytes of the executable depend on which objects the code shares, so they'd differ otherwise
from those of a build that knows the file.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.util
import marshal
import shutil
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any, Final, NamedTuple

from release_tools.binaries import compression, native_files, stripping
from release_tools.binaries.native_files import NativeFile, format_of_file, read_native_file
from release_tools.binaries.rpaths import clean_rpaths, has_foreign_rpath
from release_tools.binaries.stripping import STRIP, strip_copies
from release_tools.errors import MissingToolError
from release_tools.freeze import faster_scan
from release_tools.lockfile import TOOLS_LOCK

# PyInstaller replaces it by the path in the bundle, and an entry may come from another folder.
_FILE_NAME: Final = "kept.py"
_MAGIC: Final = b"release-tools scans 1\n"
# The digest of the source, the digest of the data, and the length of the data.
_ENTRY_HEAD: Final = struct.Struct(">32s32sQ")
_DAMAGED: Final = (ValueError, EOFError, TypeError)
_BLOCK: Final = 4096
# What decides how native files are read and cleaned, without importing it, and how content is compressed.
_DECIDING: Final = ("native_files.py", "native_parser.py", "rpaths.py", "foreign_rpaths.py", "compression.py")
_NATIVE_FIELDS: Final = tuple(field.name for field in dataclasses.fields(NativeFile))


class Import(NamedTuple):
    """An import statement: its arguments in the analysis, and how it's nested (`DependencyInfo`)."""

    is_star: bool
    module: str
    names: list[str] | None
    level: int
    nesting: tuple[bool, bool, bool, bool]


class KeptTree(ast.AST):
    """Stands in for the syntax tree of a file, which the analysis only passes on."""

    def __init__(self, imports: list[Import], names: Iterable[str], code: CodeType) -> None:
        super().__init__()
        self.imports, self.names, self.code = imports, names, code


class KeptScans:
    """The scans of a file on disk, by the digest of the source; `used` are those of this build.

    `level` is that of the compression. A missing file, and one of another Python, PyInstaller or version of this
    library, has none. An entry whose digest doesn't match is missing.
    """

    def __init__(self, path: Path | None, level: int = compression.BEST_LEVEL) -> None:
        self._path = path
        self._level = level
        self._stored = dict(_read_entries(path)) if path else {}
        self.used: dict[bytes, bytes] = {}
        self._found: set[bytes] = set()
        self._digests: dict[tuple[Path, int, int], bytes] = {}

    @property
    def found(self) -> int:
        """How many source files this build has met."""
        return len(self._found)

    @property
    def reused(self) -> int:
        """How many of them an earlier build has scanned."""
        return len(self._found & self._stored.keys())

    def find(self, source: str | bytes, file_name: str) -> ast.AST:
        """The kept form of a file; its syntax tree if that can't be compiled. Raises `SyntaxError`."""
        content = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
        # A declared encoding counts in bytes only.
        key = hashlib.sha256(bytes([isinstance(source, bytes)]) + content).digest()
        # Many files have the same content, and the same analysis may run twice.
        kept = self._known(key)
        tree = None if kept is None else _load(kept)
        if kept is None or tree is None:
            parsed = compile(source, file_name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            try:
                kept = scan(parsed)
            except (SyntaxError, ValueError):
                # The analysis compiles it, and deals with the error.
                return parsed
            tree = _load(kept)
        self._found.add(key)
        self.used[key] = kept
        if tree is None:
            raise ValueError(f"the scan of {file_name} can't be read back")
        return tree

    def native(self, path: Path) -> NativeFile | None:
        """The native file, as `read_native_file` reads it."""

        def read() -> bytes:
            native = read_native_file(path)
            return marshal.dumps([getattr(native, name) for name in _NATIVE_FIELDS] if native else None)

        if format_of_file(path) is None:
            return None
        kept = self._keep("native file", self._digest_of(path), read)
        values = marshal.loads(kept)  # noqa: S302 - its digest was compared
        return NativeFile(**dict(zip(_NATIVE_FIELDS, values, strict=True))) if values else None

    def cleaned(self, path: Path) -> bytes | None:
        """The content without foreign rpaths, as `cleaned_content` returns it. Only what that changes is kept."""
        if not has_foreign_rpath(self.native(path)):
            return None
        content = path.read_bytes()
        find = functools.partial(_changes_by_cleaning, content)
        changes = marshal.loads(self._keep("rpaths", self._digest_of(path), find))  # noqa: S302 - as above
        changed = bytearray(content)
        for place, block in changes:
            changed[place : place + len(block)] = block
        return bytes(changed) if changes else None

    def strip_copies(self, sources: Mapping[Path, Path]) -> None:
        """Write stripped copies, as `strip_copies` does. What it refuses isn't kept."""
        new: dict[Path, bytes] = {}
        for copy, source in sources.items():
            key = _key_of(f"stripped by {self._stripper}", self._digest_of(source))
            kept = self._known(key)
            if kept is None:
                new[copy] = key
            else:
                copy.write_bytes(kept)
                self.used[key] = kept
        refused = strip_copies({copy: sources[copy] for copy in new})
        self.used |= {key: copy.read_bytes() for copy, key in new.items() if copy not in refused}

    @functools.cached_property
    def _stripper(self) -> str:
        """A digest of what decides how a file is stripped, other than the file. Raises `MissingToolError`."""
        from PyInstaller.depend import bindepend  # noqa: PLC0415

        program = shutil.which(STRIP)
        if program is None:
            raise MissingToolError(STRIP)
        libraries = sorted(path for _, path in bindepend.get_imports(program) if path)
        digest = hashlib.sha256()
        for file in (program, *libraries, stripping.__file__):
            digest.update(Path(file).read_bytes())
        return digest.hexdigest()

    def compressed(self, content: bytes) -> bytes:
        """The content, compressed; several threads may ask."""
        what = f"{compression.VERSION}, level {self._level}"
        digest = hashlib.sha256(content).digest()
        return self._keep(what, digest, lambda: compression.compress(content, self._level))

    def _keep(self, what: str, digest: bytes, find: Callable[[], bytes]) -> bytes:
        """What is found for the content with this digest, which is never empty, perhaps by an earlier build."""
        key = _key_of(what, digest)
        kept = self._known(key) or find()
        self.used[key] = kept
        return kept

    def _known(self, key: bytes) -> bytes | None:
        """What this build or an earlier one has found."""
        return self._stored.get(key) or self.used.get(key)

    def _digest_of(self, path: Path) -> bytes:
        """The digest of the file's content; it's read again when its size or time has changed."""
        status = path.stat()
        seen = (path, status.st_size, status.st_mtime_ns)
        if seen not in self._digests:
            with path.open("rb") as file:
                self._digests[seen] = hashlib.file_digest(file, "sha256").digest()
        return self._digests[seen]

    def save(self) -> None:
        """Write what this build used; anything else is left out."""
        if self._path is None or self.used == self._stored:
            return
        # Whole or not at all.
        unfinished = self._path.with_name(f"{self._path.name}.new")
        with unfinished.open("wb") as file:
            file.write(_MAGIC + _versions())
            for key, kept in sorted(self.used.items()):
                file.write(_ENTRY_HEAD.pack(key, hashlib.sha256(kept).digest(), len(kept)) + kept)
        unfinished.replace(self._path)


class _Found:
    """Collects what the scanners find, in place of a node of the graph."""

    def __init__(self) -> None:
        self._deferred_imports: list[tuple[bool, tuple[Any, ...], dict[str, Any]]] = []
        self.names: set[str] = set()
        self.add_global_attr = self.names.add
        self.remove_global_attr_if_found = self.names.discard

    def imports(self) -> Iterator[Import]:
        for is_star, (module, _, names, level), data in self._deferred_imports:
            yield Import(is_star, module, names, level, tuple(data["edge_attr"]))


def scan(tree: Any) -> bytes:
    """The kept form of a syntax tree: its imports, the names that it defines, and its code."""
    from PyInstaller.lib.modulegraph.modulegraph import ModuleGraph  # noqa: PLC0415 - only the freeze needs it

    code = compile(tree, _FILE_NAME, "exec", 0, dont_inherit=True)
    found = _Found()
    ModuleGraph._scan_ast(None, found, tree)  # noqa: SLF001 - see KNOWN_PYINSTALLER
    ModuleGraph._scan_bytecode(None, found, code, is_scanning_imports=False)  # noqa: SLF001
    return marshal.dumps(([tuple(one) for one in found.imports()], sorted(found.names), code))


def install(path: Path | None, level: int = compression.BEST_LEVEL) -> KeptScans:
    """Let PyInstaller use the scans in this file; None for none. Other releases scan everything themselves.

    `level` is that of the compression.
    """
    from PyInstaller.building import api  # noqa: PLC0415
    from PyInstaller.lib.modulegraph import modulegraph  # noqa: PLC0415

    scans = KeptScans(path, level)
    if not faster_scan.is_known():
        return scans
    scan_code = modulegraph.ModuleGraph._scan_code  # noqa: SLF001
    get_code_object = api.get_code_object

    def compile_or_find(source: Any, file_name: str, mode: str, flags: int = 0, dont_inherit: bool = False) -> Any:
        if isinstance(source, KeptTree):
            return source.code
        if flags == ast.PyCF_ONLY_AST and mode == "exec":
            return scans.find(source, file_name)
        return compile(source, file_name, mode, flags, dont_inherit)

    def scan_or_replay(graph: Any, module: Any, code: CodeType, tree: ast.AST | None = None) -> Any:
        if not isinstance(tree, KeptTree):
            return scan_code(graph, module, code, tree)
        module._deferred_imports = [  # noqa: SLF001
            (
                one.is_star,
                (one.module, module, one.names, one.level),
                {"edge_attr": modulegraph.DependencyInfo(*one.nesting)},
            )
            for one in tree.imports
        ]
        for name in tree.names:
            module.add_global_attr(name)
        return module

    def find_code(name: str, file_name: str, optimize: int) -> Any:
        # For a module of which the graph has no code, such as most of the standard library.
        tree = None
        if file_name.endswith(".py") and optimize == sys.flags.optimize:
            # PyInstaller reports the error, which names the file.
            with suppress(SyntaxError):
                tree = scans.find(Path(file_name).read_bytes(), file_name)
        return tree.code if isinstance(tree, KeptTree) else get_code_object(name, file_name, optimize)

    api.get_code_object = find_code
    # Found before the built-in function.
    modulegraph.compile = compile_or_find
    modulegraph.ModuleGraph._scan_code = scan_or_replay  # noqa: SLF001
    return scans


def _read_entries(path: Path) -> Iterator[tuple[bytes, bytes]]:
    try:
        content = path.read_bytes()
    except OSError:
        return
    start = _MAGIC + _versions()
    if not content.startswith(start):
        return
    place = len(start)
    while place + _ENTRY_HEAD.size <= len(content):
        key, digest, length = _ENTRY_HEAD.unpack_from(content, place)
        place += _ENTRY_HEAD.size
        kept = content[place : place + length]
        place += length
        if hashlib.sha256(kept).digest() == digest:
            yield key, kept


def _key_of(what: str, digest: bytes) -> bytes:
    return hashlib.sha256(f"{what}\n".encode() + digest).digest()


def _changes_by_cleaning(content: bytes) -> bytes:
    """The blocks that `clean_rpaths` changes, with their places; it moves nothing."""
    cleaned = clean_rpaths(content)
    blocks = ((place, cleaned[place : place + _BLOCK]) for place in range(0, len(cleaned), _BLOCK))
    return marshal.dumps([(place, block) for place, block in blocks if content[place : place + _BLOCK] != block])


def _versions() -> bytes:
    """A digest of what decides how a file is scanned and compiled, other than the file."""
    import PyInstaller  # noqa: PLC0415

    digest = hashlib.sha256()
    for value in (sys.version, PyInstaller.__version__, importlib.util.MAGIC_NUMBER, sys.flags.optimize):
        digest.update(f"{value!r}\n".encode())
    # The lock has the version of what parses native files.
    binaries = Path(native_files.__file__).parent
    for file in (Path(__file__), Path(faster_scan.__file__), TOOLS_LOCK, *(binaries / name for name in _DECIDING)):
        digest.update(file.read_bytes())
    return digest.digest()


def _load(kept: bytes) -> KeptTree | None:
    try:
        imports, names, code = marshal.loads(kept)  # noqa: S302 - its digest was compared
        return KeptTree([Import(*one) for one in imports], names, code)
    except _DAMAGED:
        return None
