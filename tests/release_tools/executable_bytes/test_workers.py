"""A program that bundles `multiprocessing` is ready to be started as a worker."""

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.workers import check_worker_processes

from .subjects import make_subject

MODULES = {"multiprocessing": "", "app": ""}
READY = "import multiprocessing\nif __name__ == '__main__':\n    multiprocessing.freeze_support()\n"
READY_IN_A_FUNCTION = "def main():\n    from multiprocessing import freeze_support\n    freeze_support()\nmain()\n"


@pytest.mark.parametrize("script", [READY, READY_IN_A_FUNCTION])
def test_a_script_that_calls_freeze_support_passes(settings: ReleaseSettings, script: str) -> None:
    subject = make_subject(settings, modules=MODULES, script=script)
    assert check_worker_processes(subject) == "freeze_support is called"


def test_a_script_that_does_not_is_named(settings: ReleaseSettings) -> None:
    subject = make_subject(settings, modules=MODULES, script="NOTE = 'freeze_support'\nimport app\n")
    with pytest.raises(CheckFailedError, match=r"the script main does not call multiprocessing\.freeze_support\(\)"):
        check_worker_processes(subject)


def test_without_multiprocessing_there_is_nothing_to_call(settings: ReleaseSettings) -> None:
    subject = make_subject(settings, modules={"app": ""}, script="import app\n")
    assert check_worker_processes(subject) == "multiprocessing is not bundled"


def test_code_of_another_python_cannot_be_judged(settings: ReleaseSettings) -> None:
    subject = make_subject(settings, modules=MODULES)
    content = subject.executable.read_bytes()
    start = content.index(b"PYZ\0") + 4
    subject.executable.write_bytes(content[:start] + b"\x99\x99" + content[start + 2 :])
    with pytest.raises(CheckSkippedError, match="code for another Python"):
        check_worker_processes(subject)


def test_a_file_without_a_payload_is_found(settings: ReleaseSettings) -> None:
    subject = make_subject(settings)
    subject.executable.write_bytes(b"nothing")
    with pytest.raises(CheckFailedError, match="no one-file executable"):
        check_worker_processes(subject)
