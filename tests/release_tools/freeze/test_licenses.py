from importlib.metadata import distribution
from pathlib import Path

import pytest

from release_tools.distributions import InstalledDistribution
from release_tools.freeze.licenses import license_texts, python_license, third_party_licenses
from tests.release_tools.installed import install

PYINSTALLER = InstalledDistribution(found=distribution("pyinstaller"))
ZSTANDARD = InstalledDistribution(found=distribution("backports.zstd"))


@pytest.fixture
def tiny(tmp_path: Path) -> InstalledDistribution:
    return install(tmp_path, "tiny-app", [], metadata={"licenses/LICENSE": "tiny terms"})


def test_every_section_has_its_license_text(tiny: InstalledDistribution) -> None:
    assert license_texts(tiny) == (("licenses/LICENSE", "tiny terms"),)
    text = third_party_licenses([tiny], PYINSTALLER, ZSTANDARD)
    titles = ("Python 3.13", f"PyInstaller {PYINSTALLER.version}", ZSTANDARD.label, "tiny-app 1.0", "tiny terms")
    assert sorted(titles, key=text.index) == list(titles)


def test_license_in_metadata_replaces_missing_file(tiny: InstalledDistribution) -> None:
    (tiny.metadata_folder / "licenses" / "LICENSE").unlink()
    (tiny.metadata_folder / "METADATA").write_text("Name: tiny-app\nVersion: 1.0\nLicense-Expression: MIT\n")
    assert "License: MIT" in third_party_licenses([tiny], PYINSTALLER, None)


def test_python_license_is_the_installed_text() -> None:
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in python_license()
