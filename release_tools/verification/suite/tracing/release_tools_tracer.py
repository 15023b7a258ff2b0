# os.path instead of pathlib: what the tracer imports is no longer seen as an import of the app.
# ruff: noqa: INP001, PTH100, PTH113, PTH118, PTH120, PTH123
"""Record what one process uses: modules, data files, metadata, native libraries and child processes.

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


class Tracer:
    """Everything that this process uses.

    `roots` are the folders of installed packages. `watched` are folders that users don't have, except for those in
    `known`.
    """

    def __init__(self, roots: tuple[str, ...], watched: tuple[str, ...], known: tuple[str, ...]) -> None:
        self.roots, self.watched, self.known = roots, watched, known
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
        elif event == "ctypes.dlopen":
            self.put("library", text_of(arguments[0]))
        elif event in {"subprocess.Popen", "os.posix_spawn", "os.exec"}:
            self.put("child", text_of(arguments[0]))
        if len(sys.modules) != self.module_count or (self.loading and not event.startswith("object.")):
            self.record_modules()

    def record_file(self, file: object, mode: object, flags: object) -> None:
        path = text_of(file)
        # The import system writes bytecode to a temporary name, with flags instead of a mode.
        is_written = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        is_written |= isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
        if not path or is_written:
            return
        if path.startswith(self.roots):
            if not path.endswith(CODE_SUFFIXES):
                self.put("file", path)
            return
        try:
            path = os.path.abspath(path)
        except OSError:
            # The working directory is gone.
            return
        is_watched = path.startswith(self.watched) and not path.startswith(self.known) and not path.endswith(".pyc")
        if is_watched and os.path.isfile(path) and not self.is_given(path):
            self.put("outside", path)

    def is_given(self, path: str) -> bool:
        """Whether a test gave the program this file, or a folder that it's in."""
        texts = [*sys.orig_argv[1:], *os.environ.values()]
        while path and f"{path}{os.sep}" not in self.watched and os.path.dirname(path) != path:
            if any(path in os.path.normcase(text) for text in texts):
                return True
            path = os.path.dirname(path)
        return False

    def record_modules(self) -> None:
        """Record the modules that were loaded since the last call, and those that weren't loaded after all."""
        if len(sys.modules) != self.module_count:
            self.module_count = len(sys.modules)
            for key in [key for key in sys.modules if key not in self.seen_modules]:
                self.seen_modules.add(key)
                self.loading[key] = located(sys.modules.get(key))
                for name, origin in self.loading[key]:
                    self.put("module", name, origin)
        for key in list(self.loading):
            if key not in sys.modules:
                self.seen_modules.discard(key)
                for name, origin in self.loading.pop(key):
                    self.seen.discard(("module", name, origin))
                    self.append(("gone", name))
            elif not is_loading(sys.modules[key]):
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
    prefix, *roots = lines_of("traced.txt")
    if os.path.normcase(sys.prefix) != prefix or any(type(finder).__name__ == "Tracer" for finder in sys.meta_path):
        return
    tracer = Tracer(tuple(roots), tuple(lines_of("watched.txt")), tuple(lines_of("known.txt")))
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


def is_loading(module: ModuleType) -> bool:
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
