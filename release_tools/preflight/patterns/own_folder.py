"""Finds files that the program writes into its own package's folder, and locks that it takes on what's there.

The folder of a frozen program is temporary: every process that's started has its own, and it's deleted at the end.
"""

import ast
import re
from collections.abc import Collection, Iterator
from typing import Final

from release_tools.errors import Problem
from release_tools.preflight.patterns.modules import is_main_guard, nodes_except
from release_tools.preflight.patterns.places import Place, Places

# Methods of what they write.
_WRITING_METHODS: Final = frozenset({"hardlink_to", "mkdir", "symlink_to", "touch", "write_bytes", "write_text"})

# Methods of something else; their first argument is what they write. `Path.replace` has just one, `str.replace` two.
_SAVING_METHODS: Final = frozenset(
    {"rename", "replace", "savefig", "to_csv", "to_excel", "to_json", "to_parquet", "to_pickle"}
)

# Their first argument is what they write, or lock.
_WRITERS: Final = frozenset(
    {
        *("fcntl.flock", "fcntl.lockf", "msvcrt.locking", "portalocker.Lock", "portalocker.lock"),
        *("filelock.FileLock", "filelock.SoftFileLock", "filelock.UnixFileLock", "fasteners.InterProcessLock"),
        *(
            "logging.basicConfig",
            "logging.FileHandler",
            "logging.handlers.RotatingFileHandler",
            "logging.handlers.TimedRotatingFileHandler",
        ),
        *("logging.handlers.WatchedFileHandler", "loguru.logger.add"),
    }
)

# So is theirs, but they leave what exists, or only read it.
_CREATORS: Final = frozenset(
    {
        *("os.mkdir", "os.makedirs", "shelve.open", "diskcache.Cache", "sqlitedict.SqliteDict", "tinydb.TinyDB"),
        *("sqlite3.connect", "aiosqlite.connect", "apsw.Connection", "duckdb.connect", "peewee.SqliteDatabase"),
        *("sqlalchemy.create_engine", "sqlalchemy.ext.asyncio.create_async_engine"),
    }
)

# Their second argument is what they write.
_COPIERS: Final = frozenset(
    {
        *("os.link", "os.rename", "os.replace", "os.symlink", "shutil.copy", "shutil.copy2", "shutil.copyfile"),
        *("shutil.copytree", "shutil.move"),
    }
)

# They open the file that their first argument names; the mode is the second.
_OPENERS: Final = frozenset(
    {
        *("aiofiles.open", "bz2.open", "codecs.open", "gzip.open", "io.open", "lzma.open", "open"),
        *("os.open", "tarfile.open", "zipfile.ZipFile"),
    }
)

# What first arguments are called.
_FIRST_NAMES: Final = frozenset({"database", "file", "filename", "lock_file", "path"})

_WRITING_MODE: Final = re.compile(r"'[rbt]*[wax+].*'|.*\bO_(CREAT|RDWR|WRONLY)\b.*")


def own_folder_problems(places: Places, shipped: Collection[str]) -> list[Problem]:
    """The writes of a module. `shipped` are the files of the project and their folders, by path below site-packages."""
    module = places.module
    if module.asks_whether_frozen:
        return []
    written = dict.fromkeys(
        (module.place_of(call), place)
        for call in nodes_except(module.tree.body, _is_for_developers)
        if isinstance(call, ast.Call)
        for place in _written(call, places, shipped)
    )
    return [
        Problem(
            what=f"{where} writes {place}; a binary unpacks its package to a temporary folder, so what's written there "
            "is lost, and no other process sees it",
            hint="write to a data or cache folder of the user, or to a temporary folder",
        )
        for where, place in written
    ]


def _is_for_developers(node: ast.AST) -> bool:
    """Whether it's something to debug or to generate code with, which users don't run."""
    match node:
        case ast.If(test=test):
            return "debug" in ast.unparse(test).lower() or is_main_guard(node)
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return "debug" in name.lower()
    return False


def _written(call: ast.Call, places: Places, shipped: Collection[str]) -> Iterator[Place]:
    """What a call writes in the bundle, except other modules' source: developers generate that."""
    for node, is_kept in _targets(call, places):
        place = places.of(node)
        if place is None or not place.parts or place.is_absolute() or (is_kept and str(place) in shipped):
            continue
        if place.suffix != ".py" or str(place) == places.module.path:
            yield place


def _targets(call: ast.Call, places: Places) -> Iterator[tuple[ast.expr, bool]]:
    """The paths that a call may write, and whether it leaves an existing file as it is."""
    name = places.module.full_name(call.func)
    match call:
        case ast.Call(func=ast.Attribute(value=path, attr=attr)) if attr in _WRITING_METHODS:
            yield path, attr in {"mkdir", "touch"}
        case ast.Call(func=ast.Attribute(value=path, attr="open")) if _is_for_writing(call, 0):
            yield path, False
        case ast.Call(func=ast.Attribute(attr=attr), args=[path]) if attr in _SAVING_METHODS:
            yield path, False
        case ast.Call(args=[_, path, *_]) if name in _COPIERS:
            yield path, False
    if name in _WRITERS or name in _CREATORS or (name in _OPENERS and _is_for_writing(call, 1)):
        named = (word.value for word in call.keywords if word.arg in _FIRST_NAMES)
        yield from ((path, name in _CREATORS) for path in (*call.args[:1], *named))


def _is_for_writing(call: ast.Call, position: int) -> bool:
    """Whether the mode or the flags, the argument at this position or the one called `mode`, allow writing."""
    given = [*call.args[position : position + 1], *(word.value for word in call.keywords if word.arg == "mode")]
    return any(_WRITING_MODE.fullmatch(ast.unparse(mode)) for mode in given)
