from pathlib import Path

import pytest

from release_tools.freeze.version_resource import VersionResource, make_version_resource
from tests.release_tools.installed import PROJECT, install


def resource_of(site: Path, metadata: str) -> VersionResource:
    installed = install(site, PROJECT, [], metadata={"METADATA": f"Name: {PROJECT}\n{metadata}"})
    return make_version_resource(installed.found, "tiny.exe")


def test_resource_is_made_from_the_metadata(tmp_path: Path) -> None:
    metadata = "Version: 1.2.3+dev.gabcdef0\nSummary: Größe\nAuthor: A & B\nLicense-Expression: MIT\n"
    resource = resource_of(tmp_path, metadata)
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


def test_resource_omits_missing_metadata_and_addresses(tmp_path: Path) -> None:
    resource = resource_of(tmp_path, "Version: 1.2.3\nAuthor-email: A <a@example.org>, B <b@example.org>\n")
    texts = dict(resource.texts)
    assert (texts["CompanyName"], texts["FileDescription"], "LegalCopyright" in texts) == ("A, B", "tiny-app", False)
    assert not resource.is_prerelease


@pytest.mark.parametrize(
    ("version", "numbers", "is_prerelease"),
    [("2", (2, 0, 0, 0), False), ("2026.99999", (2026, 65535, 0, 0), False), ("1.2.3.4.5rc1", (1, 2, 3, 4), True)],
)
def test_version_becomes_four_16_bit_numbers(
    tmp_path: Path, version: str, numbers: tuple[int, ...], is_prerelease: bool
) -> None:
    resource = resource_of(tmp_path, f"Version: {version}\n")
    assert (resource.numbers, resource.is_prerelease) == (numbers, is_prerelease)
