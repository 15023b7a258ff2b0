"""The version that an executable itself states is the one that its archive is called by."""

import dataclasses

import pytest

from release_tools.binaries.payload import PayloadError
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError
from release_tools.verification.static.bundled_version import check_bundled_version
from release_tools.versions import BuildVersion
from tests.release_tools.verification.static.contexts import make_context


def metadata(version: str, folder: str = "tiny_app-1.2.3.dist-info") -> dict[str, bytes]:
    return {f"{folder}/METADATA": f"Metadata-Version: 2.4\nName: tiny-app\nVersion: {version}\n\nAll.\n".encode()}


@pytest.mark.parametrize("platform", ["linux-amd64", "darwin-arm64", "windows-amd64"])
def test_the_version_of_the_archives_name_is_found_on_every_platform(settings: ReleaseSettings, platform: str) -> None:
    data = {**metadata("1.2.3"), **metadata("9.9", folder="other-9.9.dist-info")}
    assert check_bundled_version(make_context(settings, platform=platform, data=data)) == "1.2.3"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (metadata("1.2.2"), "says 1.2.2"),
        (metadata("1.2.3+dev"), r"says 1\.2\.3\+dev"),
        ({**metadata("1.2.3"), **metadata("1.2.2", folder="tiny.app-1.2.2.dist-info")}, "says 1.2.3 and 1.2.2"),
        (metadata("1.2.3", folder="other/tiny_app-1.2.3.dist-info"), "says nothing"),
        (metadata("\x1b[2J"), r"says \\x1b\[2J"),
        ({}, "says nothing"),
    ],
)
@pytest.mark.shows_failing("bundled version")
def test_any_other_version_is_found(settings: ReleaseSettings, data: dict[str, bytes], said: str) -> None:
    with pytest.raises(
        CheckFailedError, match=f"the archive is of v1.2.3, and the metadata of tiny-app in the bundle {said}\n"
    ):
        check_bundled_version(make_context(settings, data=data))


def test_a_dev_build_from_elsewhere_is_of_any_commit(settings: ReleaseSettings) -> None:
    elsewhere = BuildVersion(label="dev", project_version="1.2.3", local_part=None)
    context = dataclasses.replace(make_context(settings, data=metadata("1.3.0+dev.g1a2b3c4")), version=elsewhere)
    assert check_bundled_version(context) == "1.3.0+dev.g1a2b3c4"


def test_a_file_without_a_payload_is_found(settings: ReleaseSettings) -> None:
    context = make_context(settings)
    context.executable.write_bytes(b"nothing")
    with pytest.raises(PayloadError):
        check_bundled_version(context)
