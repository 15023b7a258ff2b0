"""Trace what the app uses and writes while its tests run from source, and find what the binary's users lack or lose.

The black-box tests run on the console script of the frozen environment, with a tracer (`tracing/`) in every process of
the app. This finds imports, data files and metadata that static analysis can't see, and the test that needs them. Files
that native code opens leave no trace.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from release_tools.bootstrap.environment import ISOLATED
from release_tools.distributions import RecordedFile
from release_tools.platforms import Platform
from release_tools.processes.run import capture
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, refuse
from release_tools.verification.suite.black_box import require_success, running_suite
from release_tools.verification.suite.coverage import find_missing, read_contents, runtime_files
from release_tools.verification.suite.pytest_run import RunningSuite
from release_tools.verification.suite.traces import Kind, Trace, gather_trace, read_trace, write_trace

# How the figure of a trace ends that an earlier build recorded.
REUSED: Final = " (cached)"

TRACING: Final = Path(__file__).with_name("tracing")

# Some kernels cut off a longer shebang line.
_SHEBANG_LIMIT: Final = 127

_ASK_FOR_FOLDERS: Final = """
import json, os, sys, sysconfig
paths = sysconfig.get_paths()
folders = [os.path.join(os.path.normcase(paths[key]), "") for key in ("purelib", "platlib", "stdlib", "scripts")]
print(json.dumps([os.path.normcase(sys.prefix), *folders]))
"""


@dataclass(frozen=True, kw_only=True)
class SourceEnvironment:
    """The folders of the frozen environment, as its own Python spells them, with a slash at the end."""

    python: Path
    prefix: str
    packages: tuple[str, ...]
    standard_library: str
    scripts: str

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The folders that are bundled, inner ones first, and what replaces them in a trace."""
        packages = tuple((folder, "") for folder in self.packages)
        return (*packages, (self.standard_library, "python:"), (os.path.join(self.prefix, ""), ""))  # noqa: PTH118

    def script(self, name: str, platform: Platform) -> Path:
        """The console script of this name."""
        return self.python.parent / f"{name}{platform.executable_suffix}"


@contextmanager
def tracing_suite(context: VerificationContext) -> Iterator[VerificationContext]:
    """Start the traced tests in the background, if they need to run, and yield a context that knows them.

    The freeze uses one processor, so the tests run on the others at no cost. The check repeats and reports what fails
    here.
    """
    with ExitStack() as stack:
        try:
            source = read_source_environment(context)
            if _kept_trace(context) is None:
                suite = stack.enter_context(_traced_suite(context, source))
                context = replace(context, evidence=replace(context.build, traced_suite=suite))
        except (CheckFailedError, CheckSkippedError):
            pass
        yield context


def check_source_trace(context: VerificationContext) -> str:
    """The bundle has every module, data file, library and metadata that the app's tests used from source."""
    source = read_source_environment(context)
    cache = _cached_trace(context)
    trace = _kept_trace(context)
    origin = REUSED if trace else ""
    if trace is None:
        with _traced_suite(context, source) as run:
            trace = finish_trace(context, source, run)
        shutil.rmtree(cache.parent, ignore_errors=True)
        # A test that fails now may pass in the next run and use more.
        if not trace.failed:
            write_trace(trace, cache)
    runtime = runtime_files(context.build.installed.bundled)
    contents, settings = read_contents(context.executable), context.settings
    missing = find_missing(trace, contents, runtime, settings.exclude_modules, settings.executable)
    advice = {name: _advice_on(name) for name in missing}
    refuse(
        context,
        {name: advice[name].reason.format(test=test or "an unknown test") for name, test in missing.items()},
        what="what the tests do works only from source",
        hint="; ".join(dict.fromkeys(one.cure for name, one in advice.items() if not context.is_allowed(name))),
    )
    return _figure(trace) + origin


@dataclass(frozen=True, kw_only=True)
class _Advice:
    """Why something that the tests do fails in the binary, and what to do about it."""

    reason: str
    cure: str


_MISSING: Final = _Advice(
    reason="needed by {test}",
    cure="import the module where PyInstaller sees it, or add the file to the project's wheel; for what a dependency "
    "finds by name, add the dependency to whole-distributions in [tool.release-tools]",
)
_OUTSIDE: Final = _Advice(
    reason="users don't have it; used by the app in {test}",
    cure="add the file to the project's wheel and find it with importlib.resources",
)
_BY_FIRST_WORDS: Final = {
    "checkout file ": _OUTSIDE,
    "home file ": _OUTSIDE,
    "program ": _Advice(
        reason="users don't have it; started by the app in {test}",
        cure="call the function behind the command, or start [sys.executable, '-m', 'package']: commands of "
        "dependencies aren't bundled",
    ),
    "write to ": _Advice(
        reason="lost when the program exits, and not seen by its other processes; written in {test}",
        cure="write to a folder of the user's, such as ~/.local/share/NAME, instead of one of the installed packages",
    ),
}


def _advice_on(missing: str) -> _Advice:
    return next((advice for words, advice in _BY_FIRST_WORDS.items() if missing.startswith(words)), _MISSING)


def read_source_environment(context: VerificationContext) -> SourceEnvironment:
    """Ask the Python of the frozen environment for its folders.

    Raises `CheckSkippedError` without the evidence of the build or without a suite.
    """
    python = context.build.python
    if context.suite_python is None or context.settings.test_suite is None:
        raise CheckSkippedError("no test-suite is set")
    answer = capture([str(python), "-c", _ASK_FOR_FOLDERS], cwd=context.scratch, env=ISOLATED)
    prefix, purelib, platlib, stdlib, scripts = json.loads(answer)
    return SourceEnvironment(
        python=python, prefix=prefix, packages=(purelib, platlib), standard_library=stdlib, scripts=scripts
    )


@contextmanager
def _traced_suite(context: VerificationContext, source: SourceEnvironment) -> Iterator[RunningSuite]:
    """The suite running from source under the tracer, started unless `tracing_suite` has done that."""
    if context.build.traced_suite is not None:
        yield context.build.traced_suite
        return
    folder = _trace_folder(context)
    shutil.rmtree(folder, ignore_errors=True)
    tracer = folder / "tracer"
    shutil.copytree(TRACING, tracer, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile)
    for name in ("records", "current"):
        (folder / name).mkdir()
    for name, lines in {
        "traced": (source.prefix, source.scripts),
        "watched": _folders_of_builder(context.settings.root),
        "known": _known_folders(context, source),
    }.items():
        (tracer / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    program = write_traced_program(context, source, folder)
    changes, arguments = {"PYTHONPATH": str(tracer)}, ("-p", "release_tools_current_test")
    with running_suite(
        context, program, folder / "suite", changes=changes, arguments=arguments, in_background=True
    ) as run:
        yield run


def finish_trace(context: VerificationContext, source: SourceEnvironment, run: RunningSuite) -> Trace:
    """Wait for the traced suite. Single tests may fail, because some are meant for the binary only.

    Raises `CheckFailedError` when no test passes, or none starts the program.
    """
    finished = run.finish()
    records, outside = _trace_folder(context) / "records", _folders_of_builder(context.settings.root)
    trace = _without_unchanged(gather_trace(records, source.places, outside, finished), context)
    if not trace.passed:
        script = source.script(context.settings.executable, context.platform)
        require_success(context, finished, script, "the black-box tests fail from source")
    if trace.processes == 0:
        variable = context.settings.test_binary_variable
        raise CheckFailedError(
            f"the tests never start the program that {variable} names, so they don't test the binary",
            f"start the program by the path in the variable {variable}",
        )
    return trace


def _without_unchanged(trace: Trace, context: VerificationContext) -> Trace:
    """The trace without files that were opened for writing, as databases are, but are still as in their wheels."""
    written = {use.place.lower() for use in trace.uses if use.kind == "write"}
    unchanged = {
        path.lower()
        for one in context.build.installed.bundled
        for path, file in one.bundle_record.items()
        if path.lower() in written and _is_unchanged(one.locate(file.path), file)
    }
    kept = (use for use in trace.uses if use.kind != "write" or use.place.lower() not in unchanged)
    return replace(trace, uses=tuple(kept))


def _is_unchanged(path: Path, file: RecordedFile) -> bool:
    return path.is_file() and file.has_content(path.read_bytes())


def _folders_of_builder(root: Path) -> dict[str, str]:
    """The folders that only the user who builds has, and what a file there is called."""
    home = Path.home()
    # Some containers have no home but the root folder.
    homes = {_spelled(home): "home file ~/"} if len(home.parts) > 1 else {}
    return {_spelled(root): "checkout file ", **homes}


def _known_folders(context: VerificationContext, source: SourceEnvironment) -> list[str]:
    """The folders there that the program may read: environments, Python, temporary files, and those of the tests."""
    root, suite = context.settings.root, context.settings.test_suite or context.settings.root
    environments = [path.parent for path in root.glob("*/pyvenv.cfg")]
    # `tests/black_box` may use a file in `tests/data`.
    tests = root.joinpath(*suite.relative_to(root).parts[:1])
    pythons = [Path(sys.base_prefix), Path(sys.base_prefix).resolve(), Path(source.prefix)]
    # On Windows, the temporary folder is in the home; on other systems, the project may be in a temporary folder.
    temporary = Path(tempfile.gettempdir())
    folders = [root / "build", root / ".nox", tests, *environments, *pythons]
    return list(map(_spelled, folders if root.is_relative_to(temporary) else [*folders, temporary]))


def _spelled(folder: Path) -> str:
    """A folder as the tracer compares it, with a slash at the end."""
    return os.path.join(os.path.normcase(folder), "")  # noqa: PTH118 - pathlib drops the slash


def _trace_folder(context: VerificationContext) -> Path:
    return context.scratch / "source-trace"


def _kept_trace(context: VerificationContext) -> Trace | None:
    """The trace of an earlier build from the same inputs; a version is built from its commit and the locks alone."""
    return read_trace(_cached_trace(context)) if context.version.is_dev else None


def _cached_trace(context: VerificationContext) -> Path:
    return context.settings.build_folder(context.platform.name) / "trace-cache" / f"{digest_of_inputs(context)}.json"


def write_traced_program(context: VerificationContext, source: SourceEnvironment, folder: Path) -> Path:
    """Write a copy of the console script that starts the tracer even if a test replaces the environment.

    Console scripts are executables on Windows, so there the script itself is used, and tests must pass on PYTHONPATH.
    """
    name = context.settings.executable
    script = source.script(name, context.platform)
    if not script.is_file():
        raise CheckFailedError(
            f"the frozen environment has no console script {script}", "install the project's wheel into it"
        )
    if context.platform.os == "windows":
        return script
    program = folder / "bin" / name
    program.parent.mkdir()
    program.write_text(
        f"{_first_lines(source.python)}"
        "import sys\n"
        # Even if the user's environment says no: without bytecode, every start compiles the same modules again.
        "sys.dont_write_bytecode = False\n"
        f"sys.path.insert(0, {str(folder / 'tracer')!r})\n"
        "import release_tools_tracer\n"
        "release_tools_tracer.start()\n"
        "del sys.path[0]\n"
        # Worker processes of multiprocessing import the file named here.
        f"__file__ = sys.argv[0] = {str(script)!r}\n"
        "with open(__file__, encoding='utf-8') as file:\n"
        "    code = compile(file.read(), __file__, 'exec')\n"
        "exec(code)\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


def digest_of_inputs(context: VerificationContext) -> str:
    """The cache key of a trace: a digest of the lock, the app, the tests and their settings, the tracer and Python."""
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
    """The files of the app's wheel, without the metadata that changes with every commit."""
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as opened:
            for name in sorted(opened.namelist()):
                in_metadata = name.partition("/")[0].endswith(".dist-info")
                if not in_metadata or name.endswith("/entry_points.txt"):
                    yield name.rpartition(".dist-info/")[2], opened.read(name)


def _first_lines(python: Path) -> str:
    if len(str(python)) < _SHEBANG_LIMIT - 2 and " " not in str(python):
        return f"#!{python}\n"
    # A shell script that's also valid Python: the shell executes Python before it gets to the third line.
    quoted = "'" + str(python).replace("'", "'\\''") + "'"
    return f"#!/bin/sh\n'''exec' {quoted} \"$0\" \"$@\"\n' '''\n"


def _figure(trace: Trace) -> str:
    kinds: dict[Kind, str] = {
        "module": "modules",
        "file": "files",
        "metadata": "metadata lookups",
        "library": "libraries",
        "child": "child programs",
        "outside": "files that users don't have",
    }
    counts = ", ".join(f"{len(trace.names(kind))} {plural}" for kind, plural in kinds.items() if trace.names(kind))
    failed = f"; {len(trace.failed)} more fail from source: {', '.join(trace.failed[:2])}" if trace.failed else ""
    return f"{counts} of {trace.passed} tests{failed}"
