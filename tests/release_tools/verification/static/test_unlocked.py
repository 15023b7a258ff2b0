"""What only the build's own tools need is found in a bundle."""

import dataclasses

import pytest

from release_tools.settings import AllowedFinding, ReleaseSettings
from release_tools.verification.check import CheckFailedError, Subject
from release_tools.verification.static.unlocked import check_unlocked_distributions
from tests.release_tools.verification.static.subjects import make_subject

PACKAGE = """
[[package]]
name = "{name}"
version = "1"
groups = ["{group}"]
files = [{{ file = "{name}-1.whl", hash = "sha256:0" }}]
"""
METADATA = '\n[metadata]\nlock-version = "2.1"\ncontent-hash = ""\n'


@pytest.fixture
def subject(settings: ReleaseSettings) -> Subject:
    """A bundle with a module of pytest, which is installed where the tests run, and the bootloader."""
    return make_subject(settings, modules={"_pytest.fixtures": "", "json.decoder": ""})


def lock(subject: Subject, **groups: str) -> None:
    packages = "".join(PACKAGE.format(name=name, group=group) for name, group in groups.items())
    subject.settings.lock_path.write_text(packages + METADATA, encoding="utf-8")


def test_what_the_app_is_locked_with_passes(subject: Subject) -> None:
    lock(subject, pytest="main", pyinstaller="build")
    assert check_unlocked_distributions(subject) == "none of 1"


def test_what_is_locked_for_the_build_only_is_named(subject: Subject) -> None:
    lock(subject, pytest="build", pyinstaller="build")
    with pytest.raises(CheckFailedError, match=r"wants for the build only: pytest"):
        check_unlocked_distributions(subject)
    allowed = (AllowedFinding(check="unlocked distributions", finding="pytest", reason="a note"),)
    settings = dataclasses.replace(subject.settings, allowed_findings=allowed)
    assert check_unlocked_distributions(dataclasses.replace(subject, settings=settings)) == "none of 2"


def test_a_file_without_a_payload_is_found(subject: Subject) -> None:
    subject.executable.write_bytes(b"nothing")
    with pytest.raises(CheckFailedError, match="no one-file executable"):
        check_unlocked_distributions(subject)
