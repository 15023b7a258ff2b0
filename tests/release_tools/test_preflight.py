import dataclasses
import importlib.metadata
import shutil
from pathlib import Path

import pytest

from release_tools import preflight
from release_tools.errors import PreflightError
from release_tools.lockfile import LockedPackage, LockFile, normalized_name
from release_tools.platforms import find_platform
from release_tools.preflight import check_preflight
from release_tools.settings import ReleaseSettings

LINUX = find_platform("linux-amd64")


def lock_of(versions: dict[str, str]) -> LockFile:
    packages = tuple(
        LockedPackage(
            name=name, version=version, groups=frozenset({"main"}), markers=(("main", ""),), hashes=(), file_names=()
        )
        for name, version in versions.items()
    )
    return LockFile(path=Path("poetry.lock"), packages=packages, content_hash="")


@pytest.fixture
def installed() -> dict[str, str]:
    return {normalized_name(found.name): found.version for found in importlib.metadata.distributions()}


@pytest.fixture(autouse=True)
def _all_tools_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


def problems_of(settings: ReleaseSettings, versions: dict[str, str]) -> str:
    with pytest.raises(PreflightError) as caught:
        check_preflight(settings, lock_of(versions), LINUX)
    return str(caught.value)


def test_an_environment_that_is_the_lock_passes(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    check_preflight(settings, lock_of(installed), LINUX)


def test_another_version_than_the_locked_one_is_named(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    message = problems_of(settings, {**installed, "rich": "0.1"})
    assert f"differs from poetry.lock: rich {installed['rich']}, locked 0.1" in message


def test_a_package_that_is_missing_or_too_many_is_named(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    message = problems_of(settings, {**{k: v for k, v in installed.items() if k != "rich"}, "ghost": "1.0"})
    assert "ghost not installed, locked 1.0" in message
    assert f"rich {installed['rich']}, not locked" in message


def test_an_old_pyinstaller_is_refused(
    settings: ReleaseSettings, installed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "installed_version", lambda _: "6.22.2")
    assert "PyInstaller 6.22.2, and 6.22.3 or later is needed" in problems_of(settings, installed)


def test_another_python_than_the_pinned_one_is_refused(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    other = dataclasses.replace(settings, python_version="3.9")
    assert ".python-version says 3.9" in problems_of(other, installed)


def test_a_tool_that_pyinstaller_needs_is_named_with_its_package(
    settings: ReleaseSettings, installed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "objcopy" else name)
    message = problems_of(settings, installed)
    assert "PyInstaller needs objcopy" in message
    assert "binutils" in message
    check_preflight(settings, lock_of(installed), find_platform("darwin-arm64"))


def test_a_project_without_a_license_file_is_refused(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    (settings.root / "LICENSE").unlink()
    assert "there is no file LICENSE" in problems_of(settings, installed)


def test_all_problems_come_in_one_message(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    (settings.root / "LICENSE").unlink()
    message = problems_of(settings, {**installed, "ghost": "1.0"})
    assert message.startswith("error: preflight for linux-amd64: 2 problems\n  1. ")
