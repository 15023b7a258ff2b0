"""What the build needs and the app does not."""

from pathlib import Path

import pytest

from release_tools.freeze.build_only import build_only_modules
from release_tools.lockfile import LockedPackage, LockFile
from release_tools.settings import ReleaseSettings

INSTALLED = {
    "tiny-app": ("tiny_app/__init__.py",),
    "freezer": ("freezer/__init__.py", "freezer/_vendor/backports/tarfile.py", "freezer_hack.py", "json.py"),
    "colors": ("colors/__init__.py", "shared/colors.py"),
    "plugin": ("shared/plugin.py",),
}
GROUPS = {"freezer": {"build"}, "colors": {"build", "main"}, "plugin": {"build"}}


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, files in INSTALLED.items():
        metadata = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n", encoding="utf-8")
        (metadata / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")


def lock_of(**groups: set[str]) -> LockFile:
    packages = tuple(
        LockedPackage(
            name=name,
            version="1.0",
            groups=frozenset(wanted),
            markers=tuple((group, "") for group in sorted(wanted)),
            hashes=(),
            file_names=(),
        )
        for name, wanted in groups.items()
    )
    return LockFile(path=Path("poetry.lock"), packages=packages, content_hash="")


def test_its_top_level_names_are_told_but_none_that_the_app_or_python_has_too(settings: ReleaseSettings) -> None:
    assert build_only_modules(settings, lock_of(**GROUPS)) == ("freezer", "freezer_hack")


def test_what_is_locked_for_both_belongs_to_the_app(settings: ReleaseSettings) -> None:
    assert build_only_modules(settings, lock_of(colors={"build", "main"}, plugin={"main"})) == ()
