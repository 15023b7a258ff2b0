"""Code signatures: told by the bytes on any machine, and judged by macOS where it runs."""

from collections.abc import Sequence

import pytest

from release_tools.errors import CommandFailedError
from release_tools.processes.run import Finished
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.static import signatures
from release_tools.verification.static.signatures import check_codesign, check_signatures
from tests.release_tools.verification.static.contexts import make_context
from tests.release_tools.verification.static.samples import MACHO_ARM64, MACHO_X86_64, make_fat_macho, make_macho


def answering(monkeypatch: pytest.MonkeyPatch, code: int, stderr: str) -> list[Sequence[str]]:
    """Stands in for codesign, which only macOS has."""
    asked: list[Sequence[str]] = []

    def answer(args: Sequence[str], **_: object) -> Finished:
        asked.append(args)
        return Finished(args=tuple(args), code=code, stdout="", stderr=stderr, seconds=0.1)

    monkeypatch.setattr(signatures, "observe", answer)
    return asked


def test_signed_members_and_a_signed_executable_pass(settings: ReleaseSettings) -> None:
    binaries = {"a.so": make_macho(), "b.dylib": make_macho()}
    assert check_signatures(make_context(settings, platform="darwin-arm64", binaries=binaries)) == "on 3 files"


@pytest.mark.shows_failing("code signatures")
def test_an_unsigned_member_is_refused_by_name(settings: ReleaseSettings) -> None:
    binaries = {"a.so": make_macho(), "lib/b.dylib": make_macho(is_signed=False)}
    with pytest.raises(CheckFailedError, match=r"carries no code signature: lib/b\.dylib\n"):
        check_signatures(make_context(settings, platform="darwin-arm64", binaries=binaries))


def test_an_unsigned_executable_is_refused(settings: ReleaseSettings) -> None:
    context = make_context(settings, platform="darwin-arm64", bootloader=make_macho(is_signed=False))
    with pytest.raises(CheckFailedError, match=r"carries no code signature: tiny\n"):
        check_signatures(context)


def test_in_a_fat_file_the_part_of_the_machine_counts(settings: ReleaseSettings) -> None:
    intel, apple = make_macho(machine=MACHO_X86_64, is_signed=False), make_macho()
    good = make_fat_macho((MACHO_X86_64, intel), (MACHO_ARM64, apple))
    assert check_signatures(make_context(settings, platform="darwin-arm64", binaries={"a.so": good})) == "on 2 files"
    bad = make_fat_macho((MACHO_X86_64, make_macho(machine=MACHO_X86_64)), (MACHO_ARM64, make_macho(is_signed=False)))
    with pytest.raises(CheckFailedError, match=r"carries no code signature: a\.so\n"):
        check_signatures(make_context(settings, platform="darwin-arm64", binaries={"a.so": bad}))


def test_other_machines_need_none(settings: ReleaseSettings) -> None:
    binaries = {"a.so": make_macho(machine=MACHO_X86_64, is_signed=False)}
    with pytest.raises(CheckSkippedError, match="Intel Macs run code without a signature"):
        check_signatures(make_context(settings, platform="darwin-amd64", binaries=binaries))
    with pytest.raises(CheckSkippedError, match="a question for darwin only"):
        check_signatures(make_context(settings, platform="linux-amd64"))


@pytest.mark.parametrize("name", ["darwin-arm64", "darwin-amd64"])
def test_on_a_mac_the_executable_is_what_macos_is_asked_about(
    settings: ReleaseSettings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, 0, "tiny: valid on disk\n")
    context = make_context(settings, platform=name)
    assert check_codesign(context) == "valid"
    assert asked == [["/usr/bin/codesign", "--verify", "--strict", "--verbose=2", str(context.executable)]]


@pytest.mark.shows_failing("codesign")
def test_a_signature_that_macos_refuses_fails_with_its_words(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, 1, "tiny: invalid signature (code or signature have been modified)\n")
    with pytest.raises(CheckFailedError, match=r"(?s)refuses .* signature have been modified"):
        check_codesign(make_context(settings, platform="darwin-arm64"))


def test_a_codesign_that_does_not_end_fails_the_check(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(args: Sequence[str], **_: object) -> Finished:
        raise CommandFailedError(args, "was still running after 120 s and was ended")

    monkeypatch.setattr(signatures, "observe", hang)
    with pytest.raises(CommandFailedError):
        check_codesign(make_context(settings, platform="darwin-arm64"))


@pytest.mark.parametrize("name", ["linux-amd64", "linux-arm64", "windows-amd64"])
def test_elsewhere_nobody_is_asked(settings: ReleaseSettings, name: str) -> None:
    with pytest.raises(CheckSkippedError, match="a question for darwin only"):
        check_codesign(make_context(settings, platform=name))
