"""Makes the frozen program work as `sys.executable`, which from source is Python.

Libraries start `sys.executable` with `-m package`, `-c code` or a script, install hooks that call it later, and start
the program again by `os.execv(sys.executable, [sys.executable, *sys.argv])`. The app would take all of that for its own
arguments. Such command lines run on the bundle's modules instead.
"""

import os
import sys
import time

from . import bootloader

# How often the program started itself in a row, for the start that follows; the program doesn't see it.
DEPTH_VARIABLE = "_RELEASE_TOOLS_DEPTH"
# No program starts itself more often than this on purpose, each time at once.
DEEPEST = 20
# A tree of starts is wide long before it's deep. Up to this depth, it may have any number of programs; below, their
# number times the further levels is limited.
MANY_LEVELS, MANY_PROGRAMS = 3, 100
# A program that ran for longer begins a new row: a server replaces itself whenever its files change.
LONG_RUN_SECONDS = 10.0

# The options of Python's command line (https://docs.python.org/3.13/using/cmdline.html): without a value, and with one.
OPTIONS = frozenset("bBdEiIOPqRsSuvx")
OPTIONS_WITH_VALUE = frozenset("WX")
# These make an installation of Python, which isn't there to be copied.
INSTALLERS = frozenset({"ensurepip", "venv"})

depth = 0
# The same, with the starts that a shell hides, where the system tells.
levels = 0
started = time.monotonic()


def install() -> None:
    """Find out whether the program started itself, and end an endless chain of such starts."""
    global depth, levels  # noqa: PLW0603 - facts about this process
    text = os.environ.pop(DEPTH_VARIABLE, "")
    depth = int(text) if text.isdecimal() else 0
    if os.path.basename(sys.argv[0]).removesuffix(".exe").rstrip("0123456789.") == "python":  # noqa: PTH119
        fail("it's a standalone program and can't be the Python of a virtual environment")
    levels = max(depth, count_ancestors())
    further = levels - MANY_LEVELS
    if levels > DEEPEST or (further > 0 and further * count_programs() > MANY_PROGRAMS):
        fail(f"it started itself {levels} times in a row; a library takes it for Python in a way that isn't supported")


def count_ancestors() -> int:
    """How many of the processes that this one descends from run this program; a shell between them hides none.

    Only Linux tells.
    """
    process = bootloader.process_id or os.getpid()
    count = 0
    while sys.platform == "linux" and process > 1 and count <= DEEPEST:
        parent = bootloader.parent_of(process)
        count += runs_this_program(parent)
        process = parent if parent != process else 0
    return count


def count_programs() -> int:
    """How many processes run this program; 0 where the system doesn't tell."""
    names = os.listdir("/proc") if sys.platform == "linux" else []  # noqa: PTH208 - pathlib imports long
    return sum(runs_this_program(int(name)) for name in names if name.isdecimal())


def runs_this_program(process: int) -> bool:
    """Whether a process runs this program. A bootloader, which only waits, was started without its own variables."""
    try:
        if os.readlink(f"/proc/{process}/exe") != sys.executable:  # noqa: PTH115
            return False
        with open(f"/proc/{process}/environ", "rb") as file:  # noqa: PTH123
            return b"_PYI_ARCHIVE_FILE=" in file.read()
    except OSError:
        return False


def next_depth() -> int:
    """The depth of a start of this program by itself."""
    return 1 if time.monotonic() - started > LONG_RUN_SECONDS else depth + 1


def is_own_program(program: object) -> bool:
    """Whether a program to start is this one."""
    if not isinstance(program, str | bytes | os.PathLike):
        return False
    path = os.fsdecode(program)
    try:
        return path == sys.executable or os.path.samefile(path, sys.executable)  # noqa: PTH121 - pathlib imports long
    except OSError:
        return False


class Command:
    """What Python would run: the code after `-c`, the module after `-m`, or a script, and `sys.argv` behind it."""

    def __init__(self, kind: str, target: str, arguments: list[str], options: frozenset[str]) -> None:
        self.kind, self.target, self.arguments, self.options = kind, target, arguments, options

    def run(self) -> None:
        """Run it as `__main__`."""
        import runpy

        if "u" in self.options:
            for stream in (sys.stdout, sys.stderr):
                getattr(stream, "reconfigure")(write_through=True)  # noqa: B009 - they may be replaced
        is_isolated = not self.options.isdisjoint("IP")
        folder = os.path.dirname(os.path.abspath(self.target)) if self.kind == "file" else ""  # noqa: PTH100, PTH120
        # From outside, the bundle's own package runs, never one that happens to be in the working directory.
        if depth and not is_isolated:
            sys.path.insert(0, folder or os.getcwd())  # noqa: PTH109
        if self.kind == "m":
            if self.target.partition(".")[0] in INSTALLERS:
                fail(f"{self.target} needs an installed Python; this program is a standalone executable")
            sys.argv = ["-m", *self.arguments]
            runpy.run_module(self.target, run_name="__main__", alter_sys=True)
        elif self.kind == "file":
            sys.argv = [self.target, *self.arguments]
            runpy.run_path(self.target, run_name="__main__")
        else:
            import types

            sys.argv = ["-c", *self.arguments]
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(self.target, "<string>", "exec"), vars(main))  # noqa: S102 - what `python -c` does


def find_command(arguments: list[str]) -> Command | None:
    """The command line that Python would run, or None if it is the app's.

    A program that starts itself means Python by it. From outside, only `-m` with a bundled package that can be run
    counts, as in a hook that the app installed: other options may well be the app's own, and so may a value that is
    also the name of a module of Python's, such as `copy`.
    """
    command = parse(arguments)
    if command is None:
        return None
    if not depth:
        return command if command.kind == "m" and is_bundled_package(command.target) else None
    if command.kind == "m":
        return command if can_run(command.target) or command.target in INSTALLERS else None
    if command.kind == "file":
        is_script = command.target.endswith((".py", ".pyw", ".pyz")) and os.path.isfile(command.target)  # noqa: PTH113
        return command if is_script else None
    # A short word is a value of the app's own option.
    return command if any(character in command.target for character in "(=\n") or "import" in command.target else None


def parse(arguments: list[str]) -> Command | None:
    """Read arguments as Python does; None if they contain none of `-c`, `-m` and a script, or an unknown option."""
    waiting = list(arguments)
    options: set[str] = set()
    while waiting:
        argument = waiting.pop(0)
        if not argument.startswith("-") or argument == "-":
            return Command("file", argument, waiting, frozenset(options)) if argument != "-" else None
        for position, option in enumerate(argument[1:], start=2):
            if option in "cm" or option in OPTIONS_WITH_VALUE:
                value = argument[position:] or (waiting.pop(0) if waiting else "")
                if option in "cm":
                    return Command(option, value, waiting, frozenset(options)) if value else None
                break
            if option not in OPTIONS:
                return None
            options.add(option)
    return None


def is_bundled_package(name: str) -> bool:
    """Whether `-m` can run a package that isn't Python's own."""
    import importlib.util

    is_possible = name.isidentifier() and name not in sys.stdlib_module_names and can_run(name)
    found = importlib.util.find_spec(name) if is_possible else None
    return found is not None and found.submodule_search_locations is not None


def can_run(module: str) -> bool:
    """Whether `-m` can run it: a module, or a package with a `__main__`."""
    import importlib.util

    try:
        found = importlib.util.find_spec(module)
        if found is not None and found.submodule_search_locations is not None:
            found = importlib.util.find_spec(f"{module}.__main__")
    except (ImportError, ValueError):
        return False
    return found is not None


def own_arguments(arguments: list[str]) -> list[str]:
    """The app's arguments: without the program's own path in front, which a restart with `sys.argv` has."""
    return arguments[1:] if levels and arguments and is_own_program(arguments[0]) else arguments


def fail(reason: str) -> None:
    """End the program with an error."""
    name = os.path.basename(sys.executable)  # noqa: PTH119
    sys.stderr.write(f"{name}: error: {reason}\n")
    sys.stderr.flush()
    os._exit(1)
