"""What Windows shows of an executable comes from the project's metadata, and agrees with what `--version` prints."""

import dataclasses
from collections.abc import Mapping
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from release_tools.freeze.version_resource import make_version_resource
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.static.windows_version import check_version_resource, read_version_resource
from release_tools.versions import BuildVersion
from tests.release_tools.verification.static.contexts import DEV, make_context
from tests.release_tools.verification.static.samples import make_pe

TEXTS = {
    "FileDescription": "Größe",
    "FileVersion": "1.2.3",
    "OriginalFilename": "tiny.exe",
    "ProductName": "tiny-app",
    "ProductVersion": "1.2.3",
}
NUMBERS = (1, 2, 3, 0)


def installed(folder: Path, metadata: str) -> PathDistribution:
    info = folder / "tiny_app-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: tiny-app\n{metadata}", encoding="utf-8")
    return PathDistribution(info)


def windows_subject(
    settings: ReleaseSettings, changes: Mapping[str, str], numbers: tuple[int, ...] = NUMBERS
) -> VerificationContext:
    bootloader = make_pe(version=(numbers, {**TEXTS, **changes}))
    return make_context(settings, platform="windows-amd64", bootloader=bootloader)


def test_the_texts_come_from_the_metadata(tmp_path: Path) -> None:
    metadata = "Version: 1.2.3+dev.gabcdef0\nSummary: Größe\nAuthor: A & B\nLicense-Expression: MIT\n"
    resource = make_version_resource(installed(tmp_path, metadata), "tiny.exe")
    assert dict(resource.texts) == {
        "CompanyName": "A & B",
        "FileDescription": "Größe",
        "FileVersion": "1.2.3+dev.gabcdef0",
        "InternalName": "tiny",
        "LegalCopyright": "MIT",
        "OriginalFilename": "tiny.exe",
        "ProductName": "tiny-app",
        "ProductVersion": "1.2.3+dev.gabcdef0",
    }
    assert (resource.numbers, resource.is_prerelease) == ((1, 2, 3, 0), True)


def test_what_the_metadata_does_not_say_is_left_out_and_addresses_are_not_shown(tmp_path: Path) -> None:
    metadata = "Version: 1.2.3\nAuthor-email: A <a@example.org>, B <b@example.org>\n"
    resource = make_version_resource(installed(tmp_path, metadata), "tiny.exe")
    texts = dict(resource.texts)
    assert (texts["CompanyName"], texts["FileDescription"], "LegalCopyright" in texts) == ("A, B", "tiny-app", False)
    assert not resource.is_prerelease


@pytest.mark.parametrize(
    ("version", "numbers", "is_prerelease"),
    [("2", (2, 0, 0, 0), False), ("2026.99999", (2026, 65535, 0, 0), False), ("1.2.3.4.5rc1", (1, 2, 3, 4), True)],
)
def test_any_version_becomes_four_numbers_of_16_bits(
    tmp_path: Path, version: str, numbers: tuple[int, ...], is_prerelease: bool
) -> None:
    resource = make_version_resource(installed(tmp_path, f"Version: {version}\n"), "tiny.exe")
    assert (resource.numbers, resource.is_prerelease) == (numbers, is_prerelease)


def test_a_resource_that_agrees_passes(settings: ReleaseSettings) -> None:
    assert check_version_resource(windows_subject(settings, {})) == "tiny-app 1.2.3: Größe"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("FileVersion", "1.2.30", "FileVersion is '1.2.30', and --version prints 'tiny 1.2.3'"),
        ("ProductVersion", "", "ProductVersion is '', and --version prints 'tiny 1.2.3'"),
        ("ProductName", "Tiny", "ProductName is 'Tiny', not 'tiny-app'"),
        ("OriginalFilename", "probe.exe", r"OriginalFilename is 'probe\.exe', not 'tiny\.exe'"),
        ("FileDescription", "", "FileDescription is ''"),
    ],
)
@pytest.mark.shows_failing("version resource")
def test_a_text_that_does_not_agree_is_found(settings: ReleaseSettings, name: str, text: str, message: str) -> None:
    with pytest.raises(CheckFailedError, match=message):
        check_version_resource(windows_subject(settings, {name: text}))


def test_numbers_that_do_not_agree_are_found(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError, match=r"the version in numbers is 1\.2\.4\.0"):
        check_version_resource(windows_subject(settings, {}, (1, 2, 4, 0)))


def test_a_version_of_two_numbers_is_one_that_ends_in_zeros(settings: ReleaseSettings) -> None:
    context = windows_subject(settings, {"FileVersion": "1.2", "ProductVersion": "1.2"}, (1, 2, 0, 0))
    short = BuildVersion(label="v1.2", project_version="1.2", local_part="")
    assert check_version_resource(dataclasses.replace(context, version=short)) == "tiny-app 1.2: Größe"


def test_an_executable_without_a_resource_is_found(settings: ReleaseSettings) -> None:
    assert read_version_resource(make_pe()) == ({}, ())
    with pytest.raises(CheckFailedError, match="FileVersion is 'missing'"):
        check_version_resource(make_context(settings, platform="windows-amd64"))


def test_a_dev_build_of_any_commit_passes(settings: ReleaseSettings) -> None:
    version = "1.2.3+dev.gabcdef0"
    context = windows_subject(settings, {"FileVersion": version, "ProductVersion": version})
    elsewhere = BuildVersion(label="dev", project_version="1.2.3", local_part=None)
    assert check_version_resource(dataclasses.replace(context, version=elsewhere)) == f"tiny-app {version}: Größe"
    with pytest.raises(CheckFailedError, match="FileVersion is"):
        check_version_resource(dataclasses.replace(context, version=DEV))


@pytest.mark.parametrize("name", ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"])
def test_other_platforms_have_no_such_thing(settings: ReleaseSettings, name: str) -> None:
    with pytest.raises(CheckSkippedError, match="a question for windows only"):
        check_version_resource(make_context(settings, platform=name))
