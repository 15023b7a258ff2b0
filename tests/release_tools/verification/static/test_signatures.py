from collections.abc import Sequence

import pytest

from release_tools.processes.run import Finished
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError
from release_tools.verification.static import signatures
from release_tools.verification.static.signatures import check_codesign, check_signatures
from tests.release_tools.verification.static.contexts import findings_of, make_context
from tests.release_tools.verification.static.samples import MACHO_ARM64, MACHO_X86_64, make_fat_macho, make_macho

UNSIGNED = make_macho(is_signed=False)


def fake_codesign(monkeypatch: pytest.MonkeyPatch, code: int, stderr: str) -> list[Sequence[str]]:
    """Let codesign, which only macOS has, exit like this; returns its command lines."""
    called: list[Sequence[str]] = []

    def answer(args: Sequence[str], **_: object) -> Finished:
        called.append(args)
        return Finished(args=tuple(args), code=code, stdout="", stderr=stderr, seconds=0.1)

    monkeypatch.setattr(signatures, "observe", answer)
    return called


def test_signed_members_and_executable_pass(settings: ReleaseSettings) -> None:
    binaries = {"a.so": make_macho(), "b.dylib": make_macho()}
    assert check_signatures(make_context(settings, platform="darwin-arm64", binaries=binaries)) == "3 files signed"


@pytest.mark.shows_failing("code signatures")
def test_unsigned_member_is_refused(settings: ReleaseSettings) -> None:
    binaries = {"a.so": make_macho(), "lib/b.dylib": UNSIGNED}
    context = make_context(settings, platform="darwin-arm64", binaries=binaries)
    assert findings_of(check_signatures, context) == ("lib/b.dylib",)


def test_unsigned_executable_is_refused(settings: ReleaseSettings) -> None:
    context = make_context(settings, platform="darwin-arm64", bootloader=UNSIGNED)
    assert findings_of(check_signatures, context) == ("tiny",)


def test_only_the_arm64_slice_must_be_signed(settings: ReleaseSettings) -> None:
    intel = make_macho(machine=MACHO_X86_64)
    unsigned_intel = make_macho(machine=MACHO_X86_64, is_signed=False)
    binaries = {
        "good.so": make_fat_macho((MACHO_X86_64, unsigned_intel), (MACHO_ARM64, make_macho())),
        "bad.so": make_fat_macho((MACHO_X86_64, intel), (MACHO_ARM64, UNSIGNED)),
    }
    context = make_context(settings, platform="darwin-arm64", binaries=binaries)
    assert findings_of(check_signatures, context) == ("bad.so",)


@pytest.mark.parametrize("name", ["darwin-arm64", "darwin-amd64"])
def test_codesign_verifies_the_executable(
    settings: ReleaseSettings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = fake_codesign(monkeypatch, 0, "tiny: valid on disk\n")
    context = make_context(settings, platform=name)
    assert check_codesign(context) == "valid"
    assert called == [["/usr/bin/codesign", "--verify", "--strict", "--verbose=2", str(context.executable)]]


@pytest.mark.shows_failing("codesign")
def test_invalid_signature_fails_with_codesigns_output(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = "tiny: invalid signature (code or signature have been modified)"
    fake_codesign(monkeypatch, 1, f"{output}\n")
    with pytest.raises(CheckFailedError) as caught:
        check_codesign(make_context(settings, platform="darwin-arm64"))
    assert output in caught.value.what
