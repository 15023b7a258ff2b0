"""A real environment with a tiny app, whose tests run under the tracer; only the bundle is made up."""

import dataclasses
import os
import shutil
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.binaries.payload import PayloadError
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.suite import source_trace
from release_tools.verification.suite.coverage import BundleContents, read_contents
from release_tools.verification.suite.source_trace import check_source_trace, tracing_suite
from tests.release_tools.installed import environment_of, install
from tests.release_tools.verification.conftest import MakeContext, write_script
from tests.release_tools.verification.context_variants import allowing, as_build

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]

APP = """
import importlib, importlib.metadata, importlib.resources, importlib.util, os, signal, subprocess, sys, threading

def main():
    match sys.argv[1:]:
        case ["plugin"]:
            print(importlib.import_module("tiny_app.plugin").NAME)
        case ["table"]:
            print(importlib.resources.files("tiny_app").joinpath("table.json").read_text())
        case ["version"]:
            print(importlib.metadata.version("Some.Library"))
        case ["entry-points"]:
            print(len(importlib.metadata.entry_points(group="tiny.plugins")))
        case ["library"]:
            import ctypes
            try:
                ctypes.CDLL(os.path.join(os.path.dirname(__file__), "native.so"))
            except OSError:
                print("loaded")
        case ["killed"]:
            import tiny_app.plugin
            print("ready", flush=True)
            threading.Event().wait()
        case ["forked"]:
            if not os.fork():
                import tiny_app.plugin
                os._exit(0)
            os.wait()
        case ["worker"]:
            # Not from the console script: only PYTHONPATH leads the tracer there.
            subprocess.run([sys.executable, "-c", "import tiny_app.plugin"], check=True)
        case ["build-tool"]:
            import build_tool, tiny_app.__main__
        case ["optional"]:
            assert importlib.util.find_spec("build_tool") is None
            try:
                import build_tool
            except ModuleNotFoundError:
                print("without")
"""
SUITE = """
import os, signal, subprocess

def run(*args, **options):
    command = [os.environ["TINY"], *args]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **options).stdout.strip()
"""
SCRIPT = "import sys\nfrom tiny_app.cli import main\nif __name__ == '__main__':\n    sys.exit(main())"
Prepare = Callable[..., VerificationContext]


@pytest.fixture(scope="module")
def complete() -> BundleContents:
    """A bundle of the app with every module of Python's library; extension modules are there as files."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = [path for path in root.rglob("*") if path.suffix in {".py", ".so"} and "site-packages" not in path.parts]
    names = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for path in paths}
    extensions = {f"lib-dynload/{path.name}" for path in paths if path.suffix == ".so"}
    data = {"tiny_app/table.json", "tiny_app/native.so"}
    metadata = {f"{name}-1.0.dist-info/METADATA" for name in ("tiny_app", "some_library")}
    return BundleContents(
        modules=frozenset({*names, "tiny_app", "tiny_app.cli", "tiny_app.plugin"}),
        files=frozenset({*extensions, *data, *metadata}),
    )


def entry_point(group: str, line: str) -> dict[str, str]:
    return {"entry_points.txt": f"[{group}]\n{line}\n"}


@pytest.fixture
def prepare(make_context: MakeContext, complete: BundleContents, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Makes a context whose suite has these tests, and whose bundle holds everything but what is left out."""

    def make(tests: str, *, without: str = "", build_only: bool = False) -> VerificationContext:
        context = make_context("print('not started')")
        root = context.settings.root
        environment = root / "build" / context.platform.name / "environment"
        venv.create(environment, with_pip=False, symlinks=True)
        packages = next(environment.glob("lib/python*/site-packages"))
        app = {"__init__.py": "", "cli.py": APP, "plugin.py": "NAME = 'plug'\n", "__main__.py": "", "table.json": "{}"}
        files = {f"tiny_app/{name}": text for name, text in {**app, "native.so": "no library"}.items()}
        installed = environment_of(
            install(packages, "tiny-app", files, metadata=entry_point("console_scripts", "tiny = tiny_app.cli:main")),
            install(
                packages,
                "some-library",
                {"some_library.py": ""},
                metadata=entry_point("tiny.plugins", "one = some_library:one"),
            ),
            install(
                packages,
                "build-tool",
                {"build_tool.py": ""},
                metadata=entry_point("tiny.plugins", "two = build_tool:two"),
            ),
            build_tool={"build"} if build_only else set(),
        )
        write_script(environment / "bin" / "tiny", SCRIPT)
        script = environment / "bin" / "tiny"
        script.write_text(script.read_text().replace(f"{sys.executable} -IXutf8", str(environment / "bin" / "python")))
        (root / "poetry.lock").touch()
        suite = root / "suite"
        suite.mkdir()
        (suite / "test_it.py").write_text(SUITE + tests, encoding="utf-8")
        contents = BundleContents(modules=complete.modules - {without}, files=complete.files - {without})
        monkeypatch.setattr(source_trace, "read_contents", lambda _: contents)
        settings = dataclasses.replace(context.settings, test_suite=suite, test_binary_variable="TINY")
        context = dataclasses.replace(context, settings=settings, check="source trace")
        return as_build(context, python=environment / "bin" / "python", installed=installed)

    return make


def a_test_of(command: str, options: str = "") -> str:
    return f"\ndef test_{command.replace('-', '_')}():\n    assert run({command!r}{options}) != 'not started'\n"


@pytest.mark.parametrize(
    ("command", "without", "finding"),
    [
        ("plugin", "tiny_app.plugin", "module tiny_app.plugin"),
        ("plugin", "importlib", "module importlib"),
        ("table", "tiny_app/table.json", "file tiny_app/table.json"),
        ("library", "tiny_app/native.so", "library tiny_app/native.so"),
        ("version", "some_library-1.0.dist-info/METADATA", "metadata of some-library"),
        ("entry-points", "some_library-1.0.dist-info/METADATA", "metadata of some-library"),
        ("forked", "tiny_app.plugin", "module tiny_app.plugin"),
        ("worker", "tiny_app.plugin", "module tiny_app.plugin"),
    ],
)
@pytest.mark.shows_failing("source trace")
def test_what_the_bundle_lacks_is_named_with_the_test_that_needs_it(
    prepare: Prepare, command: str, without: str, finding: str
) -> None:
    context = prepare(a_test_of("nothing") + a_test_of(command), without=without)
    test = f"suite/test_it.py::test_{'nothing' if without == 'importlib' else command.replace('-', '_')}"
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(context)
    assert caught.value.what == f"the tests used from source what the binary does not hold: {finding}, for {test}"
    assert "2 tests" in check_source_trace(allowing(context, finding))


def test_a_complete_bundle_passes_with_the_counts(prepare: Prepare) -> None:
    commands = ("plugin", "table", "version", "entry-points", "library", "worker", "build-tool")
    figure = check_source_trace(prepare("".join(map(a_test_of, commands))))
    assert figure.partition(" modules, ")[2] == "1 files, 2 look-ups, 1 libraries, 1 child programs of 7 tests"


def test_a_program_in_an_environment_of_its_own_is_traced_too(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin", ", env={}"), without="tiny_app.plugin")
    with pytest.raises(CheckFailedError, match=r"module tiny_app.plugin, for suite/test_it.py::test_plugin"):
        check_source_trace(context)


def test_a_program_that_is_terminated_leaves_its_record(prepare: Prepare) -> None:
    test = """
def test_killed():
    with subprocess.Popen([os.environ["TINY"], "killed"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\\n"
        process.terminate()
    assert process.returncode == -signal.SIGTERM
"""
    with pytest.raises(CheckFailedError, match=r"module tiny_app.plugin, for suite/test_it.py::test_killed"):
        check_source_trace(prepare(test, without="tiny_app.plugin"))


def test_the_program_sees_its_own_name_and_nothing_of_the_tracer(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin", ", env={}"))
    environment = context.scratch.parent / "build" / context.platform.name / "environment"
    shows = "import os, sys; print([sys.argv, [p for p in sys.path if 'tracer' in p], 'PYTHONPATH' in os.environ])"
    script = environment / "bin" / "tiny"
    script.write_text(script.read_text().partition("\n")[0] + "\n" + shows)
    (context.settings.root / "suite" / "test_it.py").write_text(
        SUITE + f"\ndef test_it():\n    assert run('a', env={{}}) == str([[{str(script)!r}, 'a'], [], False])\n"
    )
    assert check_source_trace(context).endswith("1 tests")


def test_build_only_modules_are_hidden_from_the_tests(prepare: Prepare) -> None:
    context = prepare("\ndef test_optional():\n    assert run('optional') == 'without'\n", build_only=True)
    assert "1 tests" in check_source_trace(context)


def test_an_unchanged_trace_is_reused_and_a_changed_test_makes_it_anew(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"))
    first = check_source_trace(context)
    assert check_source_trace(context) == f"{first} (from the last run)"
    suite = context.settings.root / "suite" / "test_it.py"
    suite.write_text(suite.read_text() + a_test_of("version"))
    assert check_source_trace(context).endswith(" of 2 tests")
    (cached,) = (context.settings.build_folder(context.platform.name) / "trace-cache").iterdir()
    cached.write_text("damaged")
    assert check_source_trace(context).endswith(" of 2 tests")


def test_the_tests_run_beside_the_freeze_and_once_only(prepare: Prepare, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    context = prepare(a_test_of("plugin") + f"\nwith open({str(runs)!r}, 'a') as file:\n    file.write('run ')\n")
    with tracing_suite(context) as begun:
        assert begun.build.traced_suite is not None
        assert check_source_trace(begun).endswith("of 1 tests")
    with tracing_suite(context) as again:
        assert again.build.traced_suite is None
        assert check_source_trace(again).endswith("(from the last run)")
    assert runs.read_text(encoding="utf-8") == "run "


def test_what_cannot_be_begun_is_told_by_the_check(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"))
    for script in context.build.python.parent.glob("tiny*"):
        script.unlink()
    with tracing_suite(context) as same:
        assert same.build.traced_suite is None
        with pytest.raises(CheckFailedError, match="has no console script"):
            check_source_trace(same)


def test_modules_that_the_project_excludes_are_not_missed(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"), without="tiny_app.plugin")
    settings = dataclasses.replace(context.settings, exclude_modules=("tiny_app.plugin",))
    assert check_source_trace(dataclasses.replace(context, settings=settings)).endswith(" of 1 tests")


def test_tests_that_do_not_start_the_named_program_are_found(prepare: Prepare) -> None:
    context = prepare("\ndef test_it():\n    assert True\n")
    with pytest.raises(CheckFailedError, match="the tests never start the program that TINY names"):
        check_source_trace(context)


def test_tests_that_fail_from_source_are_told_and_the_trace_is_not_kept(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin") + "\ndef test_frozen():\n    assert run('table') == 'frozen'\n")
    for _ in range(2):
        figure = check_source_trace(context)
        assert figure.endswith(" of 1 tests; from source 1 more fail: suite/test_it.py::test_frozen")


def test_a_suite_that_fails_as_a_whole_from_source_is_found(prepare: Prepare) -> None:
    with pytest.raises(CheckFailedError, match=r"(?s)the black-box tests fail from source:.*no_such_module"):
        check_source_trace(prepare("import no_such_module\n"))


def test_an_environment_without_the_console_script_is_found(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"))
    context.build.python.with_name("tiny").unlink()
    with pytest.raises(CheckFailedError, match="has no console script"):
        check_source_trace(context)


def test_without_a_suite_there_is_nothing_to_trace(make_context: MakeContext) -> None:
    context = as_build(make_context("pass"))
    with pytest.raises(CheckSkippedError, match="no test-suite is set"):
        check_source_trace(context)


def test_an_environment_with_a_space_in_its_path_is_traced(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"))
    moved = context.settings.root / "in a folder"
    shutil.copytree(context.build.python.parents[1], moved, symlinks=True)
    moved_context = as_build(context, python=moved / "bin" / "python", installed=context.build.installed)
    assert check_source_trace(moved_context).endswith(" of 1 tests")


def test_a_file_that_is_no_bundle_has_no_contents(tmp_path: Path) -> None:
    (tmp_path / "tiny").write_bytes(os.urandom(100))
    with pytest.raises(PayloadError):
        read_contents(tmp_path / "tiny")
