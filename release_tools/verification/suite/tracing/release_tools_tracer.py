# os.path instead of pathlib: an import here would count as made before the app's own.
# ruff: noqa: INP001, PTH100, PTH118, PTH120, PTH123
"""Notes what one process takes from its environment: modules, data files, metadata, native libraries, children.

Runs inside the app's processes from before their first line, so it imports next to nothing and costs little. It stands
in a folder of one traced run, beside `records` (one file per process) and `current` (which test runs, by process).
"""

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from _typeshed.importlib import MetaPathFinderProtocol


HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.dirname(HERE)

# What the import system itself opens.
CODE_SUFFIXES = (".py", ".pyc", ".pth")


class Tracer:
    """What one process has used so far. `roots` are the folders that hold installed packages."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.roots = roots
        # Loaded by Python's own start and by this tracer; the app asked for none of them.
        self.at_start = set(sys.modules)
        self.files: set[str] = set()
        self.look_ups: set[str] = set()
        self.libraries: set[str] = set()
        self.children: set[str] = set()
        self.begin_record()

    def begin_record(self) -> None:
        """Start the record of this process; a fork calls it in the child."""
        self.path = os.path.join(FOLDER, "records", f"{os.getpid()}-{time.time_ns()}.json")
        self.test = current_test()
        # For children that get an environment of their own.
        write_text(os.path.join(FOLDER, "current", str(os.getpid())), self.test)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """See one audit event; an exception here would reach the app."""
        if event == "open":
            path, mode, flags = text_of(arguments[0]), arguments[1], arguments[2]
            # Without a mode where the import system writes bytecode, under a name of its own until it is whole.
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

    # As a finder on `sys.meta_path` it finds nothing, and sees which distributions are asked for.
    def find_spec(self, _name: str, _path: object = None, _target: object = None) -> None:
        """Leave the import to the next finder."""

    def find_distributions(self, context: object) -> tuple[()]:
        """Note the name that is looked up; no name means all distributions, as `entry_points()` asks."""
        self.look_ups.add(str(getattr(context, "name", None) or ""))
        return ()

    def write(self) -> None:
        """Write the record, over what was written before."""
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
            "look_ups": sorted(self.look_ups),
            "libraries": sorted(self.libraries),
            "children": sorted(self.children),
        }
        # Only now: it would have counted as a module of the app.
        import json  # noqa: PLC0415

        write_text(self.path, json.dumps(record))


def start() -> None:
    """Trace this process, if it runs in the environment that was frozen and is not traced yet."""
    with open(os.path.join(HERE, "traced.txt"), encoding="utf-8") as file:
        prefix, *roots = file.read().splitlines()
    if os.path.normcase(sys.prefix) != prefix or any(type(finder).__name__ == "Tracer" for finder in sys.meta_path):
        return
    with open(os.path.join(HERE, "absent.txt"), encoding="utf-8") as file:
        hide(frozenset(file.read().splitlines()))
    tracer = Tracer(tuple(roots))
    sys.meta_path.insert(0, tracer)
    sys.addaudithook(tracer.audit)
    atexit.register(tracer.write)
    vars(os)["_exit"] = exit_after(tracer.write, os._exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=tracer.begin_record)
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, die_after(tracer.write))


def hide(absent: frozenset[str]) -> None:
    """Let nobody find the modules of these top-level names: only the build has them, and the app could not use them."""
    for index, finder in enumerate(sys.meta_path):
        if isinstance(finder, type) and finder.__name__ == "PathFinder":
            methods = {"find_spec": finding_all_but(absent, finder)}
            sys.meta_path[index] = type("PathFinder", (finder,), methods)  # type: ignore[call-overload]  # is a finder


def finding_all_but(absent: frozenset[str], finder: "MetaPathFinderProtocol") -> object:
    """Build the method `find_spec` of a class that finds what `finder` finds, without these top-level names."""

    def find_spec(
        _: type, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        return None if name.partition(".")[0] in absent else finder.find_spec(name, path, target)

    return classmethod(find_spec)


def exit_after(write: Callable[[], None], leave: Callable[[int], None]) -> Callable[[int], None]:
    """Build an `os._exit` that writes the record first; the exit functions are not called on that way out."""

    def write_and_exit(status: int) -> None:
        write()
        leave(status)

    return write_and_exit


def die_after(write: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
    """Build a handler that writes the record and then dies of the signal, as without a handler."""

    def write_and_die(number: int, _frame: FrameType | None) -> None:
        write()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    return write_and_die


def located(module: ModuleType) -> list[tuple[str, str]]:
    """The module's own name and file, when it was loaded from a file."""
    try:
        # Not by getattr: that would load a lazy module, or call a module's own __getattr__.
        spec = object.__getattribute__(module, "__dict__").get("__spec__")
        return [(str(spec.name), os.path.normcase(spec.origin))] if spec.has_location else []
    except (AttributeError, TypeError):
        return []


def text_of(value: object) -> str:
    """A path as text; "" for what is none, such as a file's number."""
    if isinstance(value, str | bytes | os.PathLike):
        return os.path.normcase(os.fsdecode(value))
    return ""


def current_test() -> str:
    """The test on whose behalf this process runs: told by pytest, or noted by the parent process."""
    told = os.environ.get("PYTEST_CURRENT_TEST")
    if told:
        return told.rpartition(" (")[0]
    try:
        with open(os.path.join(FOLDER, "current", str(os.getppid())), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def write_text(path: str, text: str) -> None:
    """Write a file of the traced run; the app must not notice when that fails."""
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return
