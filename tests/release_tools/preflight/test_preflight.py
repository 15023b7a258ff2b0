import dataclasses
import importlib.metadata
import shutil
import time
import zlib
from pathlib import Path

import pytest

from release_tools.errors import PreflightError
from release_tools.lockfile import LockedPackage, LockFile, normalized_name
from release_tools.platforms import find_platform
from release_tools.preflight import preflight
from release_tools.preflight.preflight import check_preflight
from release_tools.settings import AllowedFinding, ReleaseSettings

LINUX = find_platform("linux-amd64")


def lock_of(versions: dict[str, str]) -> LockFile:
    packages = tuple(
        LockedPackage(
            name=name,
            version=version,
            groups=frozenset({"main"}),
            markers=(("main", ""),),
            hashes=(),
            file_names=(f"{name.replace('-', '_')}-{version}-py3-none-any.whl",),
        )
        for name, version in versions.items()
    )
    return LockFile(path=Path("poetry.lock"), packages=packages, content_hash="")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with the project installed in it."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    install(folder, "tiny-app", {"tiny_app/__init__.py": "", "tiny_app/cli.py": "def main(): ..."})
    return folder


def install(site: Path, name: str, files: dict[str, str]) -> None:
    """What an installer leaves of a wheel, as far as preflight looks at it."""
    metadata = f"{name.replace('-', '_')}-1.0.dist-info"
    for path, text in {**files, f"{metadata}/METADATA": f"Name: {name}\nVersion: 1.0\n"}.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    record = "".join(f"{path},sha256={zlib.crc32(text.encode())},1\n" for path, text in files.items())
    (site / metadata / "RECORD").write_text(record, encoding="utf-8")


@pytest.fixture
def installed(site: Path) -> dict[str, str]:
    """The versions of all that is installed where the tests run, and the project."""
    assert site.is_dir()
    return {normalized_name(found.name): found.version for found in importlib.metadata.distributions()}


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


def test_a_locked_package_without_a_wheel_for_this_platform_is_named(
    settings: ReleaseSettings, installed: dict[str, str]
) -> None:
    lock = lock_of(installed)
    first = dataclasses.replace(lock.packages[0], file_names=("thing-1.0-cp313-cp313-win_amd64.whl",))
    lock = dataclasses.replace(lock, packages=(first, *lock.packages[1:]))
    with pytest.raises(PreflightError, match=f"preflight for linux-amd64: {first.name} .* has no wheel for linux"):
        check_preflight(settings, lock, LINUX)


def test_a_project_without_a_license_file_is_refused(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    (settings.root / "LICENSE").unlink()
    assert "there is no file LICENSE" in problems_of(settings, installed)


def test_a_whole_distribution_that_the_app_does_not_depend_on_is_refused(
    settings: ReleaseSettings, installed: dict[str, str]
) -> None:
    known = dataclasses.replace(settings, whole_distributions=("PyInstaller",))
    check_preflight(known, lock_of(installed), LINUX)
    unknown = dataclasses.replace(settings, whole_distributions=("datasets",))
    assert "whole-distributions names 'datasets', which poetry.lock does not want" in problems_of(unknown, installed)


def test_an_allowed_finding_of_a_check_that_there_is_not_is_refused(
    settings: ReleaseSettings, installed: dict[str, str]
) -> None:
    known = AllowedFinding(check="import audit", finding="module x", reason="why")
    check_preflight(dataclasses.replace(settings, allowed_findings=(known,)), lock_of(installed), LINUX)
    unknown = dataclasses.replace(known, check="imports audit")
    message = problems_of(dataclasses.replace(settings, allowed_findings=(known, unknown)), installed)
    assert "unknown check 'imports audit' in allowed-findings of [tool.release-tools]; did you mean 'import" in message


def test_all_problems_come_in_one_message(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    (settings.root / "LICENSE").unlink()
    message = problems_of(settings, {**installed, "ghost": "1.0"})
    assert message.startswith("error: preflight for linux-amd64: 2 problems\n  1. ")


def test_a_project_that_is_not_installed_is_refused(
    settings: ReleaseSettings, installed: dict[str, str], site: Path
) -> None:
    shutil.rmtree(site / "tiny_app-1.0.dist-info")
    del installed["tiny-app"]
    assert "the project itself, tiny-app, is not installed" in problems_of(settings, installed)


def test_two_owners_of_one_name_are_refused(settings: ReleaseSettings, installed: dict[str, str], site: Path) -> None:
    install(site, "multipart", {"multipart.py": "class MultipartSegment: ..."})
    install(site, "python-multipart", {"multipart/__init__.py": "from python_multipart import *"})
    message = problems_of(settings, {**installed, "multipart": "1.0", "python-multipart": "1.0"})
    assert (
        "the name 'multipart' belongs to two distributions: multipart 1.0 (multipart.py) and "
        "python-multipart 1.0 (multipart/__init__.py)" in message
    )
    assert "`poetry show --why multipart` and `poetry show --why python-multipart`" in message


def test_own_code_that_needs_the_site_module_is_refused(
    settings: ReleaseSettings, installed: dict[str, str], site: Path
) -> None:
    (site / "tiny_app" / "cli.py").write_text("def main():\n    exit(1)\n", encoding="utf-8")
    assert "tiny_app/cli.py:2 calls exit(), which a frozen program does not have" in problems_of(settings, installed)


def test_what_the_settings_call_harmless_is_let_through_and_nothing_else(
    settings: ReleaseSettings, installed: dict[str, str], site: Path
) -> None:
    (site / "tiny_app" / "cli.py").write_text("exit(1)\nquit(2)\n", encoding="utf-8")
    allowed = (
        AllowedFinding(check="preflight", finding="tiny_app/cli.py:1 calls exit()", reason="never reached"),
        AllowedFinding(check="another", finding="quit()", reason="of another check"),
    )
    message = problems_of(dataclasses.replace(settings, allowed_findings=allowed), installed)
    assert "calls quit()" in message
    assert "calls exit()" not in message
    assert 'add to allowed-findings of [tool.release-tools] {check = "preflight"' in message


def test_all_of_it_takes_under_two_seconds(settings: ReleaseSettings, installed: dict[str, str]) -> None:
    """Over everything that the tests run in: about a hundred distributions."""
    started = time.process_time()
    check_preflight(settings, lock_of(installed), LINUX)
    assert time.process_time() - started < 2
