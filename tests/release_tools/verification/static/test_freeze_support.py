"""A program that bundles `multiprocessing` is ready to be started as a worker."""

from collections.abc import Mapping

import pytest

from release_tools.binaries.payload import PayloadError
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static.freeze_support import check_worker_processes
from tests.release_tools.verification.context_variants import as_build
from tests.release_tools.verification.static.contexts import make_context as make_downloaded

MODULES = {"multiprocessing": "", "app": ""}
READY = "import multiprocessing\nif __name__ == '__main__':\n    multiprocessing.freeze_support()\n"
READY_IN_A_FUNCTION = "def main():\n    from multiprocessing import freeze_support\n    freeze_support()\nmain()\n"


def make_context(
    settings: ReleaseSettings, *, script: str = "", modules: Mapping[str, str] = MODULES
) -> VerificationContext:
    """An executable as the build verifies it."""
    return as_build(make_downloaded(settings, modules=modules, script=script))


@pytest.mark.parametrize("script", [READY, READY_IN_A_FUNCTION])
def test_a_script_that_calls_freeze_support_passes(settings: ReleaseSettings, script: str) -> None:
    context = make_context(settings, script=script)
    assert check_worker_processes(context) == "freeze_support is called"


@pytest.mark.shows_failing("worker processes")
def test_a_script_that_does_not_is_named(settings: ReleaseSettings) -> None:
    context = make_context(settings, script="NOTE = 'freeze_support'\nimport app\n")
    with pytest.raises(CheckFailedError, match=r"the script main does not call multiprocessing\.freeze_support\(\)"):
        check_worker_processes(context)


def test_a_script_from_elsewhere_is_searched_for_the_name(settings: ReleaseSettings) -> None:
    assert (
        check_worker_processes(make_downloaded(settings, modules=MODULES, script=READY)) == "freeze_support is called"
    )
    with pytest.raises(CheckFailedError, match="does not call"):
        check_worker_processes(make_downloaded(settings, modules=MODULES, script="import app\n"))


def test_a_script_from_elsewhere_is_not_unmarshalled(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marshal.loads", None)
    assert (
        check_worker_processes(make_downloaded(settings, modules=MODULES, script=READY)) == "freeze_support is called"
    )


def test_without_multiprocessing_there_is_nothing_to_call(settings: ReleaseSettings) -> None:
    context = make_context(settings, modules={"app": ""}, script="import app\n")
    assert check_worker_processes(context) == "multiprocessing is not bundled"


def test_a_file_without_a_payload_is_found(settings: ReleaseSettings) -> None:
    context = make_context(settings)
    context.executable.write_bytes(b"nothing")
    with pytest.raises(PayloadError):
        check_worker_processes(context)
