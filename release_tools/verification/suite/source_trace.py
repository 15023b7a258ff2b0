"""What the app used when its tests ran from source, held against what the bundle holds.

The same tests as on the binary, on the console script of the environment that was frozen, with a tracer in every
process of the app (`tracing/`). An import, a data file or a look-up that no static analysis can see shows
here, with the test that needs it. Libraries that open files without Python's knowledge leave no trace.
"""

import hashlib
import json
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from release_tools.bootstrap.environment import ISOLATED
from release_tools.platforms import Platform
from release_tools.processes.run import capture
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, listed
from release_tools.verification.suite.black_box import require_success, running_suite
from release_tools.verification.suite.coverage import find_misses, read_contents, runtime_files
from release_tools.verification.suite.pytest_run import RunningSuite
from release_tools.verification.suite.traces import Kind, Trace, gather_trace, read_trace, write_trace

TRACING: Final = Path(__file__).with_name("tracing")

# Longer first lines of scripts are cut by some kernels.
_SHEBANG_LIMIT: Final = 127

_ASK_FOR_FOLDERS: Final = """
import json, os, sys, sysconfig
paths = sysconfig.get_paths()
folders = [os.path.join(os.path.normcase(paths[key]), "") for key in ("purelib", "platlib", "stdlib")]
print(json.dumps([os.path.normcase(sys.prefix), *folders]))
"""


@dataclass(frozen=True, kw_only=True)
class SourceEnvironment:
    """Where the environment that was frozen keeps things, as its own Python spells it; folders end with a slash."""

    python: Path
    prefix: str
    packages: tuple[str, ...]
    python_library: str

    def script(self, name: str, platform: Platform) -> Path:
        """The console script of this name."""
        return self.python.parent / f"{name}{platform.executable_suffix}"


@contextmanager
def tracing_suite(context: VerificationContext) -> Iterator[VerificationContext]:
    """The context with its traced tests running beside other work, if they can be and have to.

    The freeze keeps one processor busy; what the tests use of the others costs the build no time. What goes wrong here
    is for the check to say, which tries again.
    """
    with ExitStack() as stack:
        try:
            source = read_source_environment(context)
            if read_trace(_stored_trace(context)) is None:
                context = _with_traced_suite(context, stack.enter_context(_traced_suite(context, source)))
        except (CheckFailedError, CheckSkippedError):
            pass
        yield context


def _with_traced_suite(context: VerificationContext, suite: RunningSuite) -> VerificationContext:
    return replace(context, evidence=replace(context.build, traced_suite=suite))


def check_source_trace(context: VerificationContext) -> str:
    """The bundle holds every module, data file, library and metadata that the app's tests used from source."""
    source = read_source_environment(context)
    stored = _stored_trace(context)
    trace = read_trace(stored)
    origin = " (from the last run)" if trace else ""
    if trace is None:
        with _traced_suite(context, source) as run:
            trace = finish_trace(context, source, run)
        shutil.rmtree(stored.parent, ignore_errors=True)
        # What fails today may pass tomorrow, and then use more.
        if not trace.failed:
            write_trace(trace, stored)
    runtime = runtime_files(context.build.installed.bundled)
    misses = find_misses(trace, read_contents(context.executable), runtime, context.settings.exclude_modules)
    wrong = {miss: test for miss, test in misses.items() if not context.is_allowed(miss)}
    if wrong:
        needed = [f"{miss}, for {test or 'a process of an unknown test'}" for miss, test in sorted(wrong.items())]
        raise CheckFailedError(
            f"the tests used from source what the binary does not hold:{listed(needed)}",
            "import the module where PyInstaller sees it, or put the file into the project's wheel; what a dependency "
            "finds by name comes along with whole-distributions of [tool.release-tools]; where the binary "
            f'works without it, list it in allowed-findings of [tool.release-tools] with check = "{context.check}"',
        )
    return _figure(trace) + origin


def read_source_environment(context: VerificationContext) -> SourceEnvironment:
    """Ask the Python of the environment that was frozen for its folders.

    Raises `CheckSkippedError` for what is no build or has no suite.
    """
    python = context.build.python
    if context.suite_python is None or context.settings.test_suite is None:
        raise CheckSkippedError("no test-suite is set")
    answer = capture([str(python), "-c", _ASK_FOR_FOLDERS], cwd=context.scratch, env=ISOLATED)
    prefix, purelib, platlib, library = json.loads(answer)
    return SourceEnvironment(python=python, prefix=prefix, packages=(purelib, platlib), python_library=library)


@contextmanager
def _traced_suite(context: VerificationContext, source: SourceEnvironment) -> Iterator[RunningSuite]:
    """The suite on the source, under the tracer; the one that runs already if there is one."""
    if context.build.traced_suite is not None:
        yield context.build.traced_suite
        return
    folder = _trace_folder(context)
    shutil.rmtree(folder, ignore_errors=True)
    tracer = folder / "tracer"
    shutil.copytree(TRACING, tracer, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile)
    for made in ("records", "current"):
        (folder / made).mkdir()
    (tracer / "traced.txt").write_text("\n".join([source.prefix, *sorted(set(source.packages))]), encoding="utf-8")
    (tracer / "absent.txt").write_text("\n".join(context.build.installed.build_only_modules), encoding="utf-8")
    program = write_traced_program(context, source, folder)
    changes, arguments = {"PYTHONPATH": str(tracer)}, ("-p", "release_tools_current_test")
    with running_suite(
        context, program, folder / "suite", changes=changes, arguments=arguments, in_background=True
    ) as run:
        yield run


def finish_trace(context: VerificationContext, source: SourceEnvironment, run: RunningSuite) -> Trace:
    """Wait for the traced suite. Tests that fail are told in the figure: some suit the binary alone.

    Raises `CheckFailedError` when no test passes, or none starts the program.
    """
    ended = run.finish()
    trace = gather_trace(_trace_folder(context) / "records", source.packages, source.python_library, ended.output)
    if not trace.passed:
        script = source.script(context.settings.executable, context.platform)
        require_success(context, ended, script, "the black-box tests fail from source")
    if trace.processes == 0:
        raise CheckFailedError(
            f"the tests never start the program that {context.settings.test_binary_variable} names: what passes on "
            "them says nothing about the binary",
            "start it by the path in that variable; nothing else is the binary",
        )
    return trace


def _trace_folder(context: VerificationContext) -> Path:
    return context.scratch / "source-trace"


def _stored_trace(context: VerificationContext) -> Path:
    return context.settings.build_folder(context.platform.name) / "trace-cache" / f"{digest_of_inputs(context)}.json"


def write_traced_program(context: VerificationContext, source: SourceEnvironment, folder: Path) -> Path:
    """A program like the console script, but traced also where a test gives it an environment of its own.

    On Windows it is the console script itself, which cannot be written by hand: there PYTHONPATH has to reach it.
    """
    name = context.settings.executable
    script = source.script(name, context.platform)
    if not script.is_file():
        raise CheckFailedError(
            f"the environment that was frozen has no console script {script}", "install the project's wheel into it"
        )
    if context.platform.os == "windows":
        return script
    program = folder / "bin" / name
    program.parent.mkdir()
    program.write_text(
        f"{_first_lines(source.python)}"
        "import sys\n"
        f"sys.path.insert(0, {str(folder / 'tracer')!r})\n"
        "import release_tools_tracer\n"
        "release_tools_tracer.start()\n"
        "del sys.path[0]\n"
        # Also for the workers of multiprocessing, which load the file named here under another name.
        f"__file__ = sys.argv[0] = {str(script)!r}\n"
        "with open(__file__, encoding='utf-8') as file:\n"
        "    code = compile(file.read(), __file__, 'exec')\n"
        "exec(code)\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


def digest_of_inputs(context: VerificationContext) -> str:
    """A digest of all that decides what a traced run shows: lock, app, tests, their settings, tracer and Python."""
    settings = context.settings
    digest = hashlib.sha256(sys.version.encode())
    for path in [settings.lock_path, *sorted(TRACING.glob("*.py")), Path(__file__), *_suite_files(context)]:
        digest.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    for name, content in _wheel_members(settings.build_folder(context.platform.name) / "wheel"):
        digest.update(f"{name}\0".encode() + hashlib.sha256(content).digest())
    pytest_settings = settings.pyproject.get("tool", {}).get("pytest", {})
    decisions = [settings.executable, settings.test_binary_variable, settings.test_arguments, pytest_settings]
    digest.update(json.dumps(decisions, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _suite_files(context: VerificationContext) -> Iterator[Path]:
    suite, root = context.settings.test_suite, context.settings.root
    if suite is None:
        return
    yield from sorted(path for path in suite.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    for folder in suite.parents:
        if folder.is_relative_to(root) and (folder / "conftest.py").is_file():
            yield folder / "conftest.py"


def _wheel_members(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The app in its wheel, without the metadata that changes with every commit."""
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as opened:
            for name in sorted(opened.namelist()):
                in_metadata = name.partition("/")[0].endswith(".dist-info")
                if not in_metadata or name.endswith("/entry_points.txt"):
                    yield name.rpartition(".dist-info/")[2], opened.read(name)


def _first_lines(python: Path) -> str:
    if len(str(python)) < _SHEBANG_LIMIT - 2 and " " not in str(python):
        return f"#!{python}\n"
    # A shell script and a Python program at once: the shell replaces itself by Python before the second line.
    quoted = "'" + str(python).replace("'", "'\\''") + "'"
    return f"#!/bin/sh\n'''exec' {quoted} \"$0\" \"$@\"\n' '''\n"


def _figure(trace: Trace) -> str:
    kinds: dict[Kind, str] = {
        "module": "modules",
        "file": "files",
        "look-up": "look-ups",
        "library": "libraries",
        "child": "child programs",
    }
    counts = ", ".join(f"{len(trace.names(kind))} {plural}" for kind, plural in kinds.items() if trace.names(kind))
    failed = f"; from source {len(trace.failed)} more fail: {', '.join(trace.failed[:2])}" if trace.failed else ""
    return f"{counts} of {trace.passed} tests{failed}"
