"""What only the build's own tools need is found in a bundle."""

import pytest

from release_tools.binaries.payload import PayloadError
from release_tools.distributions import read_environment
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static.unlocked import check_unlocked_distributions
from tests.release_tools.installed import lock_of
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.static.contexts import make_context


def context_of(settings: ReleaseSettings, **groups: set[str]) -> VerificationContext:
    """A bundle with a module of pytest, which is installed where the tests run, and the bootloader."""
    installed = read_environment("tiny-app", lock_of(dict.fromkeys(groups, "1"), **groups))
    return make_context(settings, modules={"_pytest.fixtures": "", "json.decoder": ""}, installed=installed)


def test_what_is_locked_for_the_app_passes(settings: ReleaseSettings) -> None:
    assert check_unlocked_distributions(context_of(settings, pytest={"main"}, pyinstaller={"build"})) == "none of 1"


@pytest.mark.shows_failing("unlocked distributions")
def test_what_is_locked_for_the_build_only_is_named(settings: ReleaseSettings) -> None:
    context = context_of(settings, pytest={"build"}, pyinstaller={"build"})
    with pytest.raises(CheckFailedError) as caught:
        check_unlocked_distributions(context)
    assert caught.value.findings == ("pytest",)
    assert check_unlocked_distributions(allowing(context, "pytest")) == "none of 2"


def test_file_without_payload_is_refused(settings: ReleaseSettings) -> None:
    context = context_of(settings)
    context.executable.write_bytes(b"nothing")
    with pytest.raises(PayloadError):
        check_unlocked_distributions(context)
