"""What only the build's own tools need is found in a bundle."""

import dataclasses

import pytest

from release_tools.settings import AllowedFinding, ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static.unlocked import check_unlocked_distributions
from tests.release_tools.verification.static.contexts import make_context

PACKAGE = """
[[package]]
name = "{name}"
version = "1"
groups = ["{group}"]
files = [{{ file = "{name}-1.whl", hash = "sha256:0" }}]
"""
METADATA = '\n[metadata]\nlock-version = "2.1"\ncontent-hash = ""\n'


@pytest.fixture
def context(settings: ReleaseSettings) -> VerificationContext:
    """A bundle with a module of pytest, which is installed where the tests run, and the bootloader."""
    return make_context(settings, modules={"_pytest.fixtures": "", "json.decoder": ""})


def lock(context: VerificationContext, **groups: str) -> None:
    packages = "".join(PACKAGE.format(name=name, group=group) for name, group in groups.items())
    context.settings.lock_path.write_text(packages + METADATA, encoding="utf-8")


def test_what_the_app_is_locked_with_passes(context: VerificationContext) -> None:
    lock(context, pytest="main", pyinstaller="build")
    assert check_unlocked_distributions(context) == "none of 1"


def test_what_is_locked_for_the_build_only_is_named(context: VerificationContext) -> None:
    lock(context, pytest="build", pyinstaller="build")
    with pytest.raises(CheckFailedError, match=r"wants for the build only: pytest"):
        check_unlocked_distributions(context)
    allowed = (AllowedFinding(check="unlocked distributions", finding="pytest", reason="a note"),)
    settings = dataclasses.replace(context.settings, allowed_findings=allowed)
    assert check_unlocked_distributions(dataclasses.replace(context, settings=settings)) == "none of 2"


def test_a_file_without_a_payload_is_found(context: VerificationContext) -> None:
    context.executable.write_bytes(b"nothing")
    with pytest.raises(CheckFailedError, match="no one-file executable"):
        check_unlocked_distributions(context)
