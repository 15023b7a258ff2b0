"""The tests of a tiny app in a real environment run under the tracer; only the bundle is fake."""

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
from release_tools.versions import DEV, BuildVersion
from tests.release_tools.installed import environment_of, install
from tests.release_tools.verification.conftest import MakeContext, write_script
from tests.release_tools.verification.context_variants import allowing, as_build

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script"),
]

APP = """
import importlib, importlib.metadata, importlib.resources, importlib.util, os, pathlib, signal, subprocess, sys

HERE = pathlib.Path(__file__).parent

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
        case ["killed", number]:
            import tiny_app.plugin
            os.kill(os.getpid(), int(number))
        case ["gives-up-rights"]:
            # As a daemon does: no open files, nowhere to write, and no way to exit regularly.
            os.closerange(3, 256)
            own = [os.open(os.devnull, os.O_RDONLY) for _ in range(9)]
            import tiny_app.plugin
            if os.geteuid() == 0:
                os.chroot(os.path.dirname(__file__))
                os.setuid(65534)
            os.kill(os.getpid(), signal.SIGKILL)
        case ["half-imported"]:
            try:
                import tiny_app.broken
            except ImportError:
                print("without")
        case ["reads", path]:
            with open(path) as file:
                print(file.read())
        case ["reads-above", name]:
            for folder in pathlib.Path(__file__).parents:
                if (folder / name).is_file():
                    print((folder / name).read_text())
        case ["forked"]:
            if not os.fork():
                import tiny_app.plugin
                os._exit(0)
            os.wait()
        case ["worker"]:
            # Not the console script: only PYTHONPATH starts the tracer there.
            subprocess.run([sys.executable, "-c", "import tiny_app.plugin"], check=True)
        case ["extension"]:
            import sqlite3
            connection = sqlite3.connect(":memory:")
            if not hasattr(connection, "enable_load_extension"):
                # Some Pythons are built without it.
                sys.audit("sqlite3.load_extension", connection, str(HERE / "native"))
                return
            connection.enable_load_extension(True)
            try:
                connection.load_extension(str(HERE / "native"))
            except sqlite3.OperationalError:
                print("loaded")
        case ["starts", "helper-by-path"]:
            subprocess.run([pathlib.Path(sys.executable).with_name("helper-by-path")], check=True)
        case ["starts", "helper-by-search"]:
            path = os.pathsep.join([os.devnull, os.path.dirname(sys.executable)])
            subprocess.run(["helper-by-search"], check=True, env={"PATH": path})
        case ["starts", "helper-by-shell"]:
            subprocess.run(f'"{os.path.dirname(sys.executable)}/helper-by-shell" && true', shell=True, check=True)
        case ["starts", "helper-by-system"]:
            os.system(f"exec {os.path.dirname(sys.executable)}/helper-by-system")
        case ["starts", "helper-by-exec"]:
            os.execv(os.path.join(os.path.dirname(sys.executable), "helper-by-exec"), ["helper"])
        case ["itself"]:
            subprocess.run([sys.argv[0], "plugin"], check=True)
            os.execv(sys.executable, [sys.executable, sys.argv[0], "plugin"])
        case ["writes"]:
            (HERE / "state.json").write_text("{}")
        case ["writes-and-is-killed"]:
            (HERE / "state.json").write_text("{}")
            os.kill(os.getpid(), 9)
        case ["appends"]:
            with open(os.path.relpath(HERE / "state.json"), "a") as file:
                print("{}", file=file)
        case ["replaces"]:
            (HERE / "state.json.1234").write_text("{}")
            os.replace(HERE / "state.json.1234", HERE / "state.json")
        case ["makes-folder"]:
            for number in range(2):
                (HERE / "cache" / "pages").mkdir(parents=True, exist_ok=True)
                (HERE / "cache" / "pages" / f"{number}.json").write_text("{}")
        case ["writes-below-prefix"]:
            (pathlib.Path(sys.prefix) / "log.txt").write_text("started")
        case ["database", statement]:
            import sqlite3
            for place in (HERE / "table.db", (HERE / "table.db").as_uri().replace("table", "t%61ble")):
                with sqlite3.connect(place, uri=True) as connection:
                    connection.execute(statement)
        case ["harmless-changes"]:
            os.chmod(HERE / "table.json", 0o700)
            os.utime(HERE / "table.json")
            HERE.mkdir(exist_ok=True)
            (HERE / "__pycache__").mkdir(exist_ok=True)
            (HERE / "__pycache__" / "numbers.nbi").write_text("")
        case ["main-module"]:
            import tiny_app.__main__
"""
HELPERS = [f"helper-by-{way}" for way in ("exec", "path", "search", "shell", "system")]
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
    """A bundle of the app and the whole standard library, with extension modules as files."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = [path for path in root.rglob("*") if path.suffix in {".py", ".so"} and "site-packages" not in path.parts]
    names = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for path in paths}
    extensions = {f"lib-dynload/{path.name}" for path in paths if path.suffix == ".so"}
    data = {"tiny_app/table.json", "tiny_app/native.so", "tiny_app/table.db", *(f"bin/{name}" for name in HELPERS)}
    metadata = {f"{name}-1.0.dist-info/METADATA" for name in ("tiny_app", "some_library")}
    return BundleContents(
        modules=frozenset({*names, "tiny_app", "tiny_app.cli", "tiny_app.plugin"}),
        files=frozenset({*extensions, *data, *metadata}),
    )


def entry_point(group: str, line: str) -> dict[str, str]:
    return {"entry_points.txt": f"[{group}]\n{line}\n"}


@pytest.fixture
def prepare(make_context: MakeContext, complete: BundleContents, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Make a context whose suite has these tests, and whose bundle has everything but `without`."""

    def make(tests: str, *, without: str = "") -> VerificationContext:
        context = make_context("print('not started')")
        root = context.settings.root
        environment = root / "build" / context.platform.name / "environment"
        venv.create(environment, with_pip=False, symlinks=True)
        packages = next(environment.glob("lib/python*/site-packages"))
        app = {
            "__init__.py": "",
            "cli.py": APP,
            "plugin.py": "NAME = 'plug'\n",
            "broken.py": "import no_such_module\n",
            "__main__.py": "",
            "table.json": "{}",
            # To SQLite, an empty file is a database.
            "table.db": "",
        }
        files = {f"tiny_app/{name}": text for name, text in {**app, "native.so": "no library"}.items()}
        installed = environment_of(
            install(packages, "tiny-app", files, metadata=entry_point("console_scripts", "tiny = tiny_app.cli:main")),
            install(
                packages,
                "some-library",
                {"some_library.py": ""},
                metadata=entry_point("tiny.plugins", "one = some_library:one"),
            ),
        )
        write_script(environment / "bin" / "tiny", SCRIPT)
        for name in HELPERS:
            write_script(environment / "bin" / name, "print('helped')")
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


STARTS_HELPERS = f"""
def test_helpers():
    for name in {HELPERS}:
        run("starts", name)
"""


def findings_of(context: VerificationContext) -> tuple[str, ...]:
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(context)
    return caught.value.findings


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
        ("extension", "tiny_app/native.so", "library tiny_app/native.so"),
    ],
)
@pytest.mark.shows_failing("source trace")
def test_missing_part_is_found_with_its_test(prepare: Prepare, command: str, without: str, finding: str) -> None:
    context = prepare(a_test_of("nothing") + a_test_of(command), without=without)
    test = f"suite/test_it.py::test_{'nothing' if without == 'importlib' else command.replace('-', '_')}"
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(context)
    assert caught.value.findings == (finding,)
    assert caught.value.details[finding].endswith(f" {test}")
    assert "2 tests" in check_source_trace(allowing(context, finding))


def test_programs_that_are_only_in_the_environment_are_found(
    prepare: Prepare, complete: BundleContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = prepare(STARTS_HELPERS)
    files = {file for file in complete.files if not file.startswith("bin/")}
    without = BundleContents(modules=complete.modules, files=frozenset(files))
    monkeypatch.setattr(source_trace, "read_contents", lambda _: without)
    assert findings_of(context) == tuple(f"program bin/{name}" for name in HELPERS)


def test_complete_bundle_passes_with_counts(prepare: Prepare) -> None:
    commands = ["plugin", "table", "version", "entry-points", "library", "worker", "main-module"]
    commands += ["extension", "itself", "harmless-changes"]
    figure = check_source_trace(prepare("".join(map(a_test_of, commands)) + STARTS_HELPERS))
    counts = "1 files, 2 metadata lookups, 1 libraries, 8 child programs of 11 tests"
    assert figure.partition(" modules, ")[2] == counts


@pytest.mark.parametrize(
    ("command", "finding"),
    [
        ("writes", "write to tiny_app/state.json"),
        ("appends", "write to tiny_app/state.json"),
        ("replaces", "write to tiny_app/state.json"),
        ("writes-below-prefix", "write to log.txt"),
    ],
)
def test_write_to_an_installed_package_is_found(prepare: Prepare, command: str, finding: str) -> None:
    assert findings_of(prepare(a_test_of(command))) == (finding,)


def test_folder_in_a_package_is_one_finding_in_every_run(prepare: Prepare) -> None:
    context, finding = prepare(a_test_of("makes-folder")), "write to tiny_app/cache"
    assert findings_of(context) == (finding,)
    changed = context.settings.root / "suite" / "test_it.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert findings_of(context) == (finding,)
    assert "1 tests" in check_source_trace(allowing(context, finding))


def test_database_in_a_package_may_be_read(prepare: Prepare) -> None:
    reads = "\ndef test_it():\n    run('database', 'SELECT 1')\n"
    assert "1 files" in check_source_trace(prepare(reads))


def test_database_in_a_package_is_bundled_and_not_changed(prepare: Prepare) -> None:
    changes = "\ndef test_it():\n    run('database', 'CREATE TABLE IF NOT EXISTS one (number INTEGER)')\n"
    context = prepare(changes, without="tiny_app/table.db")
    assert findings_of(context) == ("file tiny_app/table.db", "write to tiny_app/table.db")


def test_program_with_another_environment_is_traced(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin", ", env={}"), without="tiny_app.plugin")
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(context)
    assert caught.value.findings == ("module tiny_app.plugin",)


@pytest.mark.parametrize(
    "arguments",
    [["killed", "15"], ["killed", "9"], ["gives-up-rights"]],
    ids=["terminated", "killed", "without rights"],
)
def test_record_is_written_as_things_happen(prepare: Prepare, arguments: list[str]) -> None:
    test = f"""
def test_killed():
    assert subprocess.run([os.environ["TINY"], *{arguments}]).returncode < 0
"""
    context = prepare(test, without="tiny_app.plugin")
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(context)
    assert caught.value.findings == ("module tiny_app.plugin",)


def test_write_of_a_killed_process_is_found(prepare: Prepare) -> None:
    command = "[os.environ['TINY'], 'writes-and-is-killed']"
    test = f"\ndef test_killed():\n    assert subprocess.run({command}).returncode == -9\n"
    assert findings_of(prepare(test)) == ("write to tiny_app/state.json",)


def test_program_of_the_checkout_is_found(prepare: Prepare) -> None:
    context = prepare("")
    tool = context.settings.root / "scripts" / "tool"
    tool.parent.mkdir()
    write_script(tool, "print('helped')")
    plugin = next((context.settings.root / "build").rglob("tiny_app/plugin.py"))
    plugin.write_text(f"import subprocess\nsubprocess.run([{str(tool)!r}], check=True)\nNAME = 1\n", encoding="utf-8")
    test = "\ndef test_it():\n    run('plugin')\n"
    (context.settings.root / "suite" / "test_it.py").write_text(SUITE + test, encoding="utf-8")
    assert findings_of(context) == ("checkout file scripts/tool",)


def test_module_that_fails_to_import_is_not_needed(prepare: Prepare) -> None:
    assert "1 tests" in check_source_trace(prepare(a_test_of("half-imported"), without="tiny_app.broken"))


READS_ABOVE = """
def test_it():
    assert run("reads-above", "config.toml") == "limit = 1"
"""


def test_file_of_the_checkout_is_found(prepare: Prepare) -> None:
    context = prepare(READS_ABOVE)
    (context.settings.root / "config.toml").write_text("limit = 1\n", encoding="utf-8")
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(context)
    assert caught.value.findings == ("checkout file config.toml",)
    assert "test_it" in caught.value.what


def test_file_of_the_builders_home_is_found(prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".tiny").mkdir(parents=True)
    (home / ".tiny" / "key").write_text("a key\n", encoding="utf-8")
    monkeypatch.setattr(Path, "home", lambda: home)
    # Not by HOME, which is another folder during the tests.
    context = prepare("\ndef test_it():\n    assert run('plugin') == 'a key'\n")
    plugin = next((context.settings.root / "build").rglob("tiny_app/plugin.py"))
    plugin.write_text(f"NAME = open({str(home / '.tiny' / 'key')!r}).read()\n", encoding="utf-8")
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(context)
    assert caught.value.findings == ("home file ~/.tiny/key",)


@pytest.mark.parametrize("path", ["examples/one.txt", "suite/data/one.txt", "build/one.txt"])
def test_file_that_a_test_gives_the_program_is_not_found(prepare: Prepare, path: str) -> None:
    context = prepare("")
    root = context.settings.root
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("one\n", encoding="utf-8")
    test = f"\ndef test_it():\n    assert run('reads', {str(root / path)!r}) == 'one'\n"
    (root / "suite" / "test_it.py").write_text(SUITE + test, encoding="utf-8")
    assert "1 tests" in check_source_trace(context)


def test_tracer_is_invisible_to_the_program(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin", ", env={}"))
    environment = context.scratch.parent / "build" / context.platform.name / "environment"
    shows = (
        "import os, sys; print([sys.argv, [p for p in sys.path if p.endswith('/tracer')], 'PYTHONPATH' in os.environ])"
    )
    script = environment / "bin" / "tiny"
    script.write_text(script.read_text().partition("\n")[0] + "\n" + shows)
    (context.settings.root / "suite" / "test_it.py").write_text(
        SUITE + f"\ndef test_it():\n    assert run('a', env={{}}) == str([[{str(script)!r}, 'a'], [], False])\n"
    )
    assert check_source_trace(context).endswith("1 tests")


DEV_BUILD = BuildVersion(label=DEV, project_version="1.2.3", local_part="dev")


def test_trace_is_cached_until_a_test_changes(prepare: Prepare) -> None:
    context = dataclasses.replace(prepare(a_test_of("plugin")), version=DEV_BUILD)
    first = check_source_trace(context)
    assert check_source_trace(context) == f"{first} (cached)"
    suite = context.settings.root / "suite" / "test_it.py"
    suite.write_text(suite.read_text() + a_test_of("version"))
    assert check_source_trace(context).endswith(" of 2 tests")
    (cached,) = (context.settings.build_folder(context.platform.name) / "trace-cache").iterdir()
    for damaged in ("damaged", cached.read_text(encoding="utf-8").replace("plugin", "plugon")):
        cached.write_text(damaged, encoding="utf-8")
        assert check_source_trace(context).endswith(" of 2 tests")


def test_version_is_traced_again(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"))
    assert check_source_trace(context) == check_source_trace(context)


def test_traced_tests_run_once_in_the_background(prepare: Prepare, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    test = a_test_of("plugin") + f"\nwith open({str(runs)!r}, 'a') as file:\n    file.write('run ')\n"
    context = dataclasses.replace(prepare(test), version=DEV_BUILD)
    with tracing_suite(context) as started:
        assert started.build.traced_suite is not None
        assert check_source_trace(started).endswith("of 1 tests")
    with tracing_suite(context) as cached:
        assert cached.build.traced_suite is None
        assert check_source_trace(cached).endswith("(cached)")
    assert runs.read_text(encoding="utf-8") == "run "


def test_missing_console_script_is_found_by_the_check(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"))
    script = context.build.python.with_name("tiny")
    script.unlink()
    with tracing_suite(context) as same:
        assert same.build.traced_suite is None
        with pytest.raises(CheckFailedError) as caught:
            check_source_trace(same)
    assert str(script) in caught.value.what


def test_excluded_module_may_be_missing(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"), without="tiny_app.plugin")
    settings = dataclasses.replace(context.settings, exclude_modules=("tiny_app.plugin",))
    assert check_source_trace(dataclasses.replace(context, settings=settings)).endswith(" of 1 tests")


def test_tests_that_never_start_the_program_are_found(prepare: Prepare) -> None:
    context = prepare("\ndef test_it():\n    assert True\n")
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(context)
    assert "TINY" in caught.value.what


def test_trace_of_failed_tests_is_not_cached(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin") + "\ndef test_frozen():\n    assert run('table') == 'frozen'\n")
    for _ in range(2):
        figure = check_source_trace(context)
        assert figure.endswith(" of 1 tests; 1 more fail from source: suite/test_it.py::test_frozen")


def test_suite_that_fails_from_source_is_found(prepare: Prepare) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_source_trace(prepare("import no_such_module\n"))
    assert caught.value.findings == ("suite/test_it.py",)
    assert "no_such_module" in caught.value.what


def test_project_without_a_suite_is_skipped(make_context: MakeContext) -> None:
    context = as_build(make_context("pass"))
    with pytest.raises(CheckSkippedError):
        check_source_trace(context)


def test_environment_path_may_contain_spaces(prepare: Prepare) -> None:
    context = prepare(a_test_of("plugin"))
    moved = context.settings.root / "in a folder"
    shutil.copytree(context.build.python.parents[1], moved, symlinks=True)
    moved_context = as_build(context, python=moved / "bin" / "python", installed=context.build.installed)
    assert check_source_trace(moved_context).endswith(" of 1 tests")


def test_other_file_is_not_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "tiny").write_bytes(os.urandom(100))
    with pytest.raises(PayloadError):
        read_contents(tmp_path / "tiny")
