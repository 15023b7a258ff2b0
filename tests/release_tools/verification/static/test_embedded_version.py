import dataclasses
from collections.abc import Mapping

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static.embedded_version import (
    check_bundled_version,
    check_version_resource,
    read_version_resource,
)
from release_tools.versions import BuildVersion
from tests.release_tools.verification.static.contexts import as_dev_build, findings_of, make_context
from tests.release_tools.verification.static.samples import make_pe

TEXTS = {
    "FileDescription": "Größe",
    "FileVersion": "1.2.3",
    "OriginalFilename": "tiny.exe",
    "ProductName": "tiny-app",
    "ProductVersion": "1.2.3",
}
NUMBERS = (1, 2, 3, 0)
DOWNLOADED_DEV = BuildVersion(label="dev", project_version="1.2.3", local_part=None)


def metadata(version: str, folder: str = "tiny_app-1.2.3.dist-info") -> dict[str, bytes]:
    return {f"{folder}/METADATA": f"Metadata-Version: 2.4\nName: tiny-app\nVersion: {version}\n\nAll.\n".encode()}


@pytest.mark.parametrize("platform", ["linux-amd64", "darwin-arm64", "windows-amd64"])
def test_metadata_with_the_archives_version_passes(settings: ReleaseSettings, platform: str) -> None:
    data = {**metadata("1.2.3"), **metadata("9.9", folder="other-9.9.dist-info")}
    assert check_bundled_version(make_context(settings, platform=platform, data=data)) == "1.2.3"


@pytest.mark.parametrize(
    ("data", "versions"),
    [
        (metadata("1.2.2"), ("1.2.2",)),
        (metadata("1.2.3+dev"), ("1.2.3+dev",)),
        ({**metadata("1.2.3"), **metadata("1.2.2", folder="tiny.app-1.2.2.dist-info")}, ("1.2.3", "1.2.2")),
        (metadata("1.2.3", folder="other/tiny_app-1.2.3.dist-info"), ()),
        ({}, ()),
    ],
)
@pytest.mark.shows_failing("bundled version")
def test_metadata_with_another_version_is_refused(
    settings: ReleaseSettings, data: dict[str, bytes], versions: tuple[str, ...]
) -> None:
    (finding,) = findings_of(check_bundled_version, make_context(settings, data=data))
    assert finding.endswith(" and ".join(versions) or "no version")


def test_version_in_the_error_is_escaped(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_bundled_version(make_context(settings, data=metadata("\x1b[2J")))
    assert "\\x1b[2J" in caught.value.what


def test_downloaded_dev_build_may_be_of_any_commit(settings: ReleaseSettings) -> None:
    context = dataclasses.replace(make_context(settings, data=metadata("1.3.0+dev.g1a2b3c4")), version=DOWNLOADED_DEV)
    assert check_bundled_version(context) == "1.3.0+dev.g1a2b3c4"


def with_resource(
    settings: ReleaseSettings, changes: Mapping[str, str], numbers: tuple[int, ...] = NUMBERS
) -> VerificationContext:
    bootloader = make_pe(version=(numbers, {**TEXTS, **changes}))
    return make_context(settings, platform="windows-amd64", bootloader=bootloader)


def test_matching_resource_passes(settings: ReleaseSettings) -> None:
    assert check_version_resource(with_resource(settings, {})) == "tiny-app 1.2.3: Größe"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("FileVersion", "1.2.30"),
        ("ProductVersion", ""),
        ("ProductName", "Tiny"),
        ("OriginalFilename", "probe.exe"),
        ("FileDescription", ""),
    ],
)
@pytest.mark.shows_failing("version resource")
def test_resource_with_a_wrong_string_is_refused(settings: ReleaseSettings, name: str, text: str) -> None:
    (finding,) = findings_of(check_version_resource, with_resource(settings, {name: text}))
    assert finding.startswith(f"{name} is {text!r}")


def test_resource_with_wrong_numbers_is_refused(settings: ReleaseSettings) -> None:
    (finding,) = findings_of(check_version_resource, with_resource(settings, {}, (1, 2, 4, 0)))
    assert "1.2.4.0" in finding


def test_version_of_two_numbers_is_padded_with_zeros(settings: ReleaseSettings) -> None:
    context = with_resource(settings, {"FileVersion": "1.2", "ProductVersion": "1.2"}, (1, 2, 0, 0))
    short = BuildVersion(label="v1.2", project_version="1.2", local_part="")
    assert check_version_resource(dataclasses.replace(context, version=short)) == "tiny-app 1.2: Größe"


def test_executable_without_resource_is_refused(settings: ReleaseSettings) -> None:
    assert read_version_resource(make_pe()) == ({}, ())
    found = findings_of(check_version_resource, make_context(settings, platform="windows-amd64"))
    assert {finding.split()[0] for finding in found} == TEXTS.keys()


def test_downloaded_dev_resource_matches_any_commit(settings: ReleaseSettings) -> None:
    version = "1.2.3+dev.gabcdef0"
    context = with_resource(settings, {"FileVersion": version, "ProductVersion": version})
    assert check_version_resource(dataclasses.replace(context, version=DOWNLOADED_DEV))
    assert len(findings_of(check_version_resource, as_dev_build(context))) == 2
