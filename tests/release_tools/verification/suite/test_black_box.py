import dataclasses
import os
import sys

import pytest

from release_tools.errors import SuiteTimeoutError
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.suite import black_box as suite
from tests.release_tools.verification.packaged import make_context

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script"),
]


def with_suite(settings: ReleaseSettings, test: str) -> ReleaseSettings:
    folder = settings.root / "suite"
    folder.mkdir(exist_ok=True)
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    return dataclasses.replace(settings, test_suite=folder, test_binary_variable="TINY", test_arguments=())


def test_suite_gets_the_unpacked_executable(settings: ReleaseSettings) -> None:
    test = "import os\n\ndef test_it():\n    assert os.environ['TINY'].endswith('verify/unpacked/tiny')\n"
    assert suite.check_suite(make_context(with_suite(settings, test))).startswith("1 passed in ")


@pytest.mark.parametrize(("in_background", "factor"), [(False, "2.5"), (True, "10.0")])
def test_background_tests_get_more_time(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, in_background: bool, factor: str
) -> None:
    monkeypatch.setattr(suite, "slowness", lambda: 2.5)
    test = f"import os\n\ndef test_it():\n    assert os.environ['RELEASE_TOOLS_SLOWNESS'] == '{factor}'\n"
    context = make_context(with_suite(settings, test))
    folder = context.scratch / "suite"
    with suite.running_suite(context, context.executable, folder, in_background=in_background) as running:
        assert running.finish().summary.startswith("1 passed")


def test_suite_does_not_get_secret_variables(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_TOKEN", "a-token-of-the-builder")
    monkeypatch.setenv("HARMLESS", "a-setting-of-the-builder")
    test = "import os\n\ndef test_it():\n    assert 'GH_TOKEN' not in os.environ and 'HARMLESS' in os.environ\n"
    assert suite.check_suite(make_context(with_suite(settings, test))).startswith("1 passed in ")


def test_suite_does_not_find_programs_of_environments(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, tools = settings.root / "environment", settings.root / "tools"
    environment.mkdir()
    (environment / "pyvenv.cfg").touch()
    for folder, name in ((environment / "bin", "of-environment"), (tools, "of-system")):
        folder.mkdir()
        (folder / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(environment / "bin"), str(tools), os.environ["PATH"]]))
    test = """
import shutil

def test_it():
    assert (bool(shutil.which("of-environment")), bool(shutil.which("of-system"))) == (False, True)
"""
    assert suite.check_suite(make_context(with_suite(settings, test))).startswith("1 passed in ")


def test_suite_runs_outside_the_project_with_an_empty_home(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(settings.root))
    (settings.root / "suite_helper.py").write_text("FOUND = True\n", encoding="utf-8")
    # Pytest's settings and the tests' imports are those of the project's root.
    (settings.root / "pytest.ini").write_text("[pytest]\npython_functions = check_*\n", encoding="utf-8")
    test = f"""
import os, pathlib, suite_helper

def check_it():
    root = pathlib.Path({str(settings.root)!r})
    assert root not in (pathlib.Path.cwd(), *pathlib.Path.cwd().parents)
    assert os.listdir() == os.listdir(pathlib.Path.home()) == []
    assert 'XDG_CONFIG_HOME' not in os.environ
"""
    assert suite.check_suite(make_context(with_suite(settings, test))).startswith("1 passed in ")


@pytest.mark.parametrize(
    ("test", "findings"),
    [
        ("def test_it():\n    assert False, 'broken'\n", ("suite/test_it.py::test_it",)),
        ("import no_such_module\n", ("suite/test_it.py",)),
        ("x =", ("suite/test_it.py",)),
        ("", ("the black-box tests fail on the binary",)),
        (
            "import pytest\n\ndef test_it():\n    pytest.skip('nothing to see')\n",
            ("no test of the suite ran on the binary",),
        ),
    ],
    ids=["failed", "import error", "syntax error", "no tests", "all skipped"],
)
@pytest.mark.shows_failing("black-box tests")
def test_suite_without_a_passing_test_is_found(settings: ReleaseSettings, test: str, findings: tuple[str, ...]) -> None:
    with pytest.raises(CheckFailedError) as caught:
        suite.check_suite(make_context(with_suite(settings, test)))
    assert caught.value.findings == findings


def test_suite_that_hangs_times_out(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "SUITE_TIMEOUT_SECONDS", 3.0)
    test = "import threading\n\ndef test_it():\n    threading.Event().wait()\n"
    with pytest.raises(SuiteTimeoutError):
        suite.check_suite(make_context(with_suite(settings, test)))


def test_project_without_a_suite_is_skipped(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError):
        suite.check_suite(make_context(settings))
