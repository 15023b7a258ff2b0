# os.path instead of pathlib: what the tracer imports is no longer seen as an import of the app.
# ruff: noqa: INP001, PTH100, PTH112, PTH113, PTH118, PTH120, PTH123
"""Record what one process uses and writes: modules, data files, metadata, native libraries and child processes.

It runs in the app's processes before their first line, so it imports little. It's copied into the folder of a traced
run, next to `records` (one file per process) and `current` (the running test, one file per process). A record is
written as things happen, because the process may be killed, or lose the right to write.
"""

import atexit
import os
import sys
import time
from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.dirname(HERE)

# The import system opens these.
CODE_SUFFIXES = (".py", ".pyc", ".pth")

# The arguments of audit events: the program, the working directory and the environment of a child process; the library
# that is loaded; and the file or folder that is created or changed.
CHILDREN = {"subprocess.Popen": (0, 2, 3), "os.posix_spawn": (0, None, 2), "os.exec": (0, None, 2)}
CHILDREN["os.spawn"] = (1, None, 3)
LIBRARIES = {"ctypes.dlopen": 0, "sqlite3.load_extension": 1}
WRITES = {"os.mkdir": 0, "os.truncate": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1}
# What SQLite and Windows append to a name.
LIBRARY_SUFFIXES = ("", ".so", ".dylib", ".dll")
PROGRAM_SUFFIXES = ("", ".exe") if sys.platform == "win32" else ("",)


class Tracer:
    """Everything that this process uses.

    `root` is the folder of the environment, and `scripts` the one in it with the programs. `watched` are folders that
    users don't have, except for those in `known`.
    """

    def __init__(self, root: str, scripts: str, watched: tuple[str, ...], known: tuple[str, ...]) -> None:
        self.root, self.scripts, self.watched, self.known = root, scripts, watched, known
        # Loaded by Python's start-up and this tracer, not by the app.
        self.seen_modules = set(sys.modules)
        self.module_count = len(sys.modules)
        # What still runs its own code; if that fails, the module is removed again.
        self.loading: dict[str, list[tuple[str, str]]] = {}
        self.seen: set[tuple[str, ...]] = set()
        self.descriptor = -1
        self.begin_record()

    def begin_record(self) -> None:
        """Start the record of this process; a forked child does so too, or else continues its parent's."""
        path = os.path.join(FOLDER, "records", f"{os.getpid()}-{time.time_ns()}.txt")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError:
            return
        self.path, self.descriptor, self.identity = path, descriptor, identity_of(descriptor)
        test = current_test()
        self.append(("test", test))
        # For child processes that are given another environment.
        write_text(os.path.join(FOLDER, "current", str(os.getpid())), test)

    def put(self, *entry: str) -> None:
        """Record something once."""
        if entry not in self.seen:
            self.seen.add(entry)
            self.append(entry)

    def append(self, entry: tuple[str, ...]) -> None:
        line = f"{entry!r}\n".encode("utf-8", "backslashreplace")
        try:
            # The app may have closed the descriptor, and opened something of its own that has the same number.
            if identity_of(self.descriptor) != self.identity:
                self.descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
                self.identity = identity_of(self.descriptor)
            os.write(self.descriptor, line)
        except (OSError, AttributeError):
            return

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Record an audit event. It must not raise an exception, which would reach the app."""
        if event == "open":
            self.record_file(*arguments)
        elif event == "sqlite3.connect":
            self.record_database(text_of(arguments[0]))
        elif event in LIBRARIES:
            self.record_library(text_of(arguments[LIBRARIES[event]]))
        elif event == "os.system":
            self.record_named_programs(arguments[0])
        elif event in CHILDREN:
            self.record_child(event, arguments)
        elif event in WRITES:
            self.record_write(event, arguments)
        if len(sys.modules) != self.module_count or (self.loading and not event.startswith("object.")):
            self.record_modules()

    def record_file(self, file: object, mode: object, flags: object) -> None:
        path = text_of(file)
        # The import system writes bytecode to a temporary name, with flags instead of a mode.
        is_written = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        is_written |= isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if is_written:
            self.record_written(path)
        elif path.startswith(self.root):
            if not path.endswith(CODE_SUFFIXES) and not path.startswith(self.scripts):
                self.put("file", path)
        else:
            self.record_outside(absolute(path))

    def record_outside(self, path: str) -> None:
        """Record a file that users don't have."""
        is_watched = path.startswith(self.watched) and not path.startswith(self.known) and not path.endswith(".pyc")
        if is_watched and os.path.isfile(path) and not self.is_given(path):
            self.put("outside", path)

    def record_library(self, name: str) -> None:
        # Without a folder, it's the system's.
        if os.path.dirname(name):
            name = next((path for suffix in LIBRARY_SUFFIXES if os.path.isfile(path := absolute(name) + suffix)), name)
            self.record_outside(name)
        self.put("library", name)

    def record_database(self, name: str) -> None:
        """Record an SQLite database, as a file if it exists, and as written, since SQLite doesn't tell."""
        if name.startswith("file:"):
            name = unquoted(name.removeprefix("file:").partition("?")[0])
            # The host in front of the path is empty.
            name = name.removeprefix("//")
        path = absolute(name)
        if path.startswith(self.root):
            if os.path.isfile(path):
                self.put("file", path)
            self.record_written(path)

    def record_write(self, event: str, arguments: tuple[object, ...]) -> None:
        path = absolute(text_of(arguments[WRITES[event]]))
        # Programs create folders to make sure that they exist.
        if event == "os.mkdir" and os.path.isdir(path):
            return
        self.record_written(path)
        if event == "os.rename" and (source := absolute(text_of(arguments[0]))).startswith(self.root):
            self.append(("renamed", source))

    def record_written(self, path: str) -> None:
        """Record a change below the environment's folder; the interpreter caches bytecode there."""
        path = absolute(path)
        is_cache = path.endswith(".pyc") or f"{os.sep}__pycache__{os.sep}" in f"{path}{os.sep}"
        if path.startswith(self.root) and not path.startswith(self.scripts) and not is_cache:
            self.put("write", path)

    def record_child(self, event: str, arguments: tuple[object, ...]) -> None:
        program, folder, environment = (None if place is None else arguments[place] for place in CHILDREN[event])
        name = text_of(program) or first_word(arguments[1])
        if os.path.dirname(name):
            places = [os.path.join(text_of(folder), name)]
        else:
            places = [os.path.join(place, name) for place in search_path(environment)]
        candidates = [absolute(place) + suffix for place in places for suffix in PROGRAM_SUFFIXES]
        path = next(filter(os.path.isfile, candidates), "")
        if path:
            self.record_outside(path)
        self.put("child", path or name)
        self.record_named_programs(arguments[1])

    def record_named_programs(self, command: object) -> None:
        """Record the programs of the environment that a command line names, such as a shell's."""
        for text in command if isinstance(command, list | tuple) else [command]:
            _, found, rest = text_of(text).partition(self.scripts)
            if found:
                self.put("child", found + rest.replace("'", '"').partition('"')[0].partition(" ")[0])

    def is_given(self, path: str) -> bool:
        """Whether a test gave the program this file, or a folder that it's in."""
        texts = [*sys.orig_argv[1:], *os.environ.values()]
        while path and f"{path}{os.sep}" not in self.watched and os.path.dirname(path) != path:
            if any(path in os.path.normcase(text) for text in texts):
                return True
            path = os.path.dirname(path)
        return False

    def record_modules(self) -> None:
        """Record the modules that were loaded since the last call, and those that weren't loaded after all.

        Several threads may be here at once, and import modules meanwhile.
        """
        if len(sys.modules) != self.module_count:
            self.module_count = len(sys.modules)
            for key in [key for key in [*sys.modules] if key not in self.seen_modules]:
                self.seen_modules.add(key)
                self.loading[key] = found = located(sys.modules.get(key))
                for name, origin in found:
                    self.put("module", name, origin)
        for key in list(self.loading):
            module = sys.modules.get(key)
            if module is None and key not in sys.modules:
                self.seen_modules.discard(key)
                for name, origin in self.loading.pop(key, ()):
                    self.seen.discard(("module", name, origin))
                    self.append(("gone", name))
            elif not is_loading(module):
                self.loading.pop(key, None)

    # A finder on `sys.meta_path` that finds nothing but sees which distributions are looked up.
    def find_spec(self, _name: str, _path: object = None, _target: object = None) -> None:
        """Leave the import to the next finder."""

    def find_distributions(self, context: object) -> tuple[()]:
        """Record the name that's looked up, or "" for all distributions, as `entry_points()` does."""
        self.put("distribution", str(getattr(context, "name", None) or ""))
        return ()


def start() -> None:
    """Trace this process, if it runs in the frozen environment and isn't being traced yet."""
    prefix, scripts = lines_of("traced.txt")
    if os.path.normcase(sys.prefix) != prefix or any(type(finder).__name__ == "Tracer" for finder in sys.meta_path):
        return
    tracer = Tracer(os.path.join(prefix, ""), scripts, tuple(lines_of("watched.txt")), tuple(lines_of("known.txt")))
    sys.meta_path.insert(0, tracer)
    sys.addaudithook(tracer.audit)
    atexit.register(tracer.record_modules)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=tracer.begin_record)


def lines_of(name: str) -> list[str]:
    """The lines of a file beside this one."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read().splitlines()


def located(module: ModuleType | None) -> list[tuple[str, str]]:
    """The name and file of a module, in a list that's empty if it wasn't loaded from a file."""
    try:
        spec = spec_of(module)
        return [(str(spec.name), os.path.normcase(spec.origin))] if spec.has_location else []  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return []


def is_loading(module: ModuleType | None) -> bool:
    """Whether the module's own code is still running."""
    try:
        return bool(getattr(spec_of(module), "_initializing", False))
    except (AttributeError, TypeError):
        return False


def spec_of(module: ModuleType | None) -> object:
    """A module's spec, which getattr would take from a lazy module's own __getattr__."""
    return object.__getattribute__(module, "__dict__").get("__spec__")


def identity_of(descriptor: int) -> tuple[int, int]:
    """What tells the file of a descriptor from others."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def text_of(value: object) -> str:
    """A path as text, or "" for anything else, such as a file descriptor."""
    if isinstance(value, str | bytes | os.PathLike):
        return os.path.normcase(os.fsdecode(value))
    return ""


def absolute(path: str) -> str:
    """The path without dots, from the root; "" for no path and in a working directory that's gone."""
    try:
        return os.path.abspath(path) if path else ""
    except (OSError, ValueError):
        return ""


def unquoted(text: str) -> str:
    """The path that is percent-encoded in a URI."""
    start, *escaped = text.split("%")
    try:
        rest = (bytes.fromhex(part[:2]) + os.fsencode(part[2:]) for part in escaped)
        return os.fsdecode(b"".join([os.fsencode(start), *rest]))
    except ValueError:
        return text


def first_word(command: object) -> str:
    """The program of a command line, which Popen leaves to the system to find on Windows."""
    text = command if isinstance(command, str) else ""
    return os.path.normcase(text[1:].partition('"')[0] if text.startswith('"') else text.partition(" ")[0])


def search_path(environment: object) -> list[str]:
    """The folders in which the system looks for a program that's started with this environment."""
    try:
        return [text_of(folder) for folder in os.get_exec_path(environment)]  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError):
        return []


def current_test() -> str:
    """The test that this process runs for: from pytest's variable, or the parent process's record."""
    test = os.environ.get("PYTEST_CURRENT_TEST")
    if test:
        return test.rpartition(" (")[0]
    try:
        with open(os.path.join(FOLDER, "current", str(os.getppid())), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def write_text(path: str, text: str) -> None:
    """Write a file of the traced run, ignoring errors so that the app doesn't notice them."""
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return
