# os.path instead of pathlib: what the tracer imports is no longer seen as an import of the app.
# ruff: noqa: INP001, PTH100, PTH118, PTH120, PTH123
"""Record what one process uses: modules, data files, metadata, native libraries and child processes.

It runs in the app's processes before their first line, so it imports little. It's copied into the folder of a traced
run, next to `records` (one file per process) and `current` (the running test, one file per process).
"""

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType, ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.dirname(HERE)

# The import system opens these.
CODE_SUFFIXES = (".py", ".pyc", ".pth")


class Tracer:
    """Everything that this process has used so far. `roots` are the folders of installed packages."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.roots = roots
        # Loaded by Python's start-up and this tracer, not by the app.
        self.at_start = set(sys.modules)
        self.files: set[str] = set()
        self.distributions: set[str] = set()
        self.libraries: set[str] = set()
        self.children: set[str] = set()
        self.begin_record()

    def begin_record(self) -> None:
        """Start the record of this process; a forked child does so too."""
        self.path = os.path.join(FOLDER, "records", f"{os.getpid()}-{time.time_ns()}.json")
        self.test = current_test()
        # For child processes that are given another environment.
        write_text(os.path.join(FOLDER, "current", str(os.getpid())), self.test)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Record an audit event. It must not raise an exception, which would reach the app."""
        if event == "open":
            path, mode, flags = text_of(arguments[0]), arguments[1], arguments[2]
            # The import system writes bytecode to a temporary name, with flags instead of a mode.
            is_written = isinstance(mode, str) and any(letter in mode for letter in "wax+")
            is_written |= isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
            if path.startswith(self.roots) and not path.endswith(CODE_SUFFIXES) and not is_written:
                self.files.add(path)
        elif event == "ctypes.dlopen":
            self.libraries.add(text_of(arguments[0]))
        elif event in {"subprocess.Popen", "os.posix_spawn"}:
            self.children.add(text_of(arguments[0]))
        elif event == "os.exec":
            self.children.add(text_of(arguments[0]))
            self.write()

    # A finder on `sys.meta_path` that finds nothing but sees which distributions are looked up.
    def find_spec(self, _name: str, _path: object = None, _target: object = None) -> None:
        """Leave the import to the next finder."""

    def find_distributions(self, context: object) -> tuple[()]:
        """Record the name that's looked up, or "" for all distributions, as `entry_points()` does."""
        self.distributions.add(str(getattr(context, "name", None) or ""))
        return ()

    def write(self) -> None:
        """Write the record, replacing an earlier one."""
        modules = {
            name: origin
            for key, module in list(sys.modules.items())
            if key not in self.at_start
            for name, origin in located(module)
        }
        record = {
            "test": self.test,
            "modules": modules,
            "files": sorted(self.files),
            "distributions": sorted(self.distributions),
            "libraries": sorted(self.libraries),
            "children": sorted(self.children),
        }
        # Imported only here: an earlier import would look like one of the app.
        import json  # noqa: PLC0415

        write_text(self.path, json.dumps(record))


def start() -> None:
    """Trace this process, if it runs in the frozen environment and isn't being traced yet."""
    with open(os.path.join(HERE, "traced.txt"), encoding="utf-8") as file:
        prefix, *roots = file.read().splitlines()
    if os.path.normcase(sys.prefix) != prefix or any(type(finder).__name__ == "Tracer" for finder in sys.meta_path):
        return
    tracer = Tracer(tuple(roots))
    sys.meta_path.insert(0, tracer)
    sys.addaudithook(tracer.audit)
    atexit.register(tracer.write)
    vars(os)["_exit"] = exit_after(tracer.write, os._exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=tracer.begin_record)
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, die_after(tracer.write))


def exit_after(write: Callable[[], None], leave: Callable[[int], None]) -> Callable[[int], None]:
    """Create an `os._exit` that writes the record first, since atexit functions don't run then."""

    def write_and_exit(status: int) -> None:
        write()
        leave(status)

    return write_and_exit


def die_after(write: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
    """Create a signal handler that writes the record and then lets the signal kill the process."""

    def write_and_die(number: int, _frame: FrameType | None) -> None:
        write()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    return write_and_die


def located(module: ModuleType) -> list[tuple[str, str]]:
    """The name and file of a module, in a list that's empty if it wasn't loaded from a file."""
    try:
        # getattr would load a lazy module or call the module's own __getattr__.
        spec = object.__getattribute__(module, "__dict__").get("__spec__")
        return [(str(spec.name), os.path.normcase(spec.origin))] if spec.has_location else []
    except (AttributeError, TypeError):
        return []


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
