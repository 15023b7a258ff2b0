import dataclasses
import sys

import pytest

from release_tools.errors import SuiteTimeoutError
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.suite import black_box as suite
from tests.release_tools.verification.packaged import make_context

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]


def with_suite(settings: ReleaseSettings, test: str) -> ReleaseSettings:
    folder = settings.root / "suite"
    folder.mkdir(exist_ok=True)
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    return dataclasses.replace(settings, test_suite=folder, test_binary_variable="TINY", test_arguments=())


def test_the_suite_gets_the_unpacked_executable(settings: ReleaseSettings) -> None:
    test = "import os\n\ndef test_it():\n    assert os.environ['TINY'].endswith('verify/unpacked/tiny')\n"
    assert suite.check_suite(make_context(with_suite(settings, test))).startswith("1 passed in ")


@pytest.mark.parametrize(("in_background", "factor"), [(False, "2.5"), (True, "10.0")])
def test_tests_that_give_way_get_more_time(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, in_background: bool, factor: str
) -> None:
    monkeypatch.setattr(suite, "slowness", lambda: 2.5)
    test = f"import os\n\ndef test_it():\n    assert os.environ['RELEASE_TOOLS_SLOWNESS'] == '{factor}'\n"
    context = make_context(with_suite(settings, test))
    folder = context.scratch / "suite"
    with suite.running_suite(context, context.executable, folder, in_background=in_background) as begun:
        assert begun.finish().summary.startswith("1 passed")


def test_the_suite_does_not_get_the_secrets_of_the_environment(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", "a-token-of-the-builder")
    monkeypatch.setenv("HARMLESS", "a-setting-of-the-builder")
    test = "import os\n\ndef test_it():\n    assert 'GH_TOKEN' not in os.environ and 'HARMLESS' in os.environ\n"
    assert suite.check_suite(make_context(with_suite(settings, test))).startswith("1 passed in ")


@pytest.mark.parametrize("test", ["def test_it():\n    assert False, 'broken'\n", "import no_such_module\n", "", "x ="])
@pytest.mark.shows_failing("black-box tests")
def test_a_suite_that_fails_or_runs_no_test_is_found(settings: ReleaseSettings, test: str) -> None:
    with pytest.raises(CheckFailedError, match="the black-box tests fail on the binary"):
        suite.check_suite(make_context(with_suite(settings, test)))


def test_a_suite_of_skipped_tests_has_not_passed(settings: ReleaseSettings) -> None:
    test = "import pytest\n\ndef test_it():\n    pytest.skip('nothing to see')\n"
    with pytest.raises(CheckFailedError, match="no test of the suite ran"):
        suite.check_suite(make_context(with_suite(settings, test)))


def test_a_suite_that_hangs_is_ended_and_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "SUITE_TIMEOUT_SECONDS", 3.0)
    test = "import threading\n\ndef test_it():\n    threading.Event().wait()\n"
    with pytest.raises(SuiteTimeoutError):
        suite.check_suite(make_context(with_suite(settings, test)))


def test_without_a_suite_the_check_says_so(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="no test-suite is set"):
        suite.check_suite(make_context(settings))
