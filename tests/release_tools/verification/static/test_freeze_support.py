from collections.abc import Mapping

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import VerificationContext
from release_tools.verification.static.freeze_support import check_freeze_support
from tests.release_tools.verification.context_variants import as_build
from tests.release_tools.verification.static.contexts import findings_of
from tests.release_tools.verification.static.contexts import make_context as make_downloaded

MODULES = {"multiprocessing": "", "app": ""}
READY = "import multiprocessing\nif __name__ == '__main__':\n    multiprocessing.freeze_support()\n"
READY_IN_A_FUNCTION = "def main():\n    from multiprocessing import freeze_support\n    freeze_support()\nmain()\n"


def make_context(
    settings: ReleaseSettings, *, script: str = "", modules: Mapping[str, str] = MODULES
) -> VerificationContext:
    """A build with this main script."""
    return as_build(make_downloaded(settings, modules=modules, script=script))


@pytest.mark.parametrize("script", [READY, READY_IN_A_FUNCTION])
def test_script_that_calls_freeze_support_passes(settings: ReleaseSettings, script: str) -> None:
    assert check_freeze_support(make_context(settings, script=script))


@pytest.mark.shows_failing("freeze_support")
def test_script_without_the_call_is_refused(settings: ReleaseSettings) -> None:
    context = make_context(settings, script="NOTE = 'freeze_support'\nimport app\n")
    (finding,) = findings_of(check_freeze_support, context)
    assert finding.startswith("main doesn't call")


def test_downloaded_script_is_searched_but_not_unmarshalled(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marshal.loads", None)
    assert check_freeze_support(make_downloaded(settings, modules=MODULES, script=READY))
    without = make_downloaded(settings, modules=MODULES, script="import app\n")
    (finding,) = findings_of(check_freeze_support, without)
    assert finding.startswith("main doesn't call")


def test_bundle_without_multiprocessing_passes(settings: ReleaseSettings) -> None:
    context = make_context(settings, modules={"app": ""}, script="import app\n")
    assert check_freeze_support(context) == "multiprocessing is not bundled"
