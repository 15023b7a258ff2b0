import dataclasses
import functools
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.distributions import InstalledDistribution, InstalledEnvironment
from release_tools.errors import PreflightError
from release_tools.lockfile import LockFile
from release_tools.platforms import find_platform
from release_tools.preflight.preflight import check_preflight
from release_tools.reporting.records import CheckResult
from release_tools.settings import AllowedFinding, ReleaseSettings
from tests.release_tools.installed import NO_LOCK, environment_of, install, lock_of, running_environment, versions_in

LINUX = find_platform("linux-amd64")
Versions = dict[str, str]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages folder with the project, before the test environment on the path."""
    folder = tmp_path / "site"
    install(folder, "tiny-app", {"tiny_app/__init__.py": "", "tiny_app/cli.py": "def main(): ..."})
    return folder


@pytest.fixture
def versions(site: Path) -> Versions:
    """The versions of everything installed, for a matching lock."""
    return versions_in(site)


@pytest.fixture
def tools(tmp_path: Path) -> InstalledEnvironment:
    """An environment with just the tools, and a lock for them."""
    return with_tools(install(tmp_path / "tools", "pyinstaller", ["PyInstaller/__init__.py"], version="6.22.3"))


def with_tools(pyinstaller: InstalledDistribution) -> InstalledEnvironment:
    return dataclasses.replace(environment_of(tools=[pyinstaller]), for_tools={"pyinstaller": pyinstaller.version})


@pytest.fixture
def check(site: Path, tools: InstalledEnvironment) -> "Check":
    def run(settings: ReleaseSettings, lock: LockFile, tools: InstalledEnvironment = tools) -> CheckResult:
        app = running_environment(lock, site=site)
        installed = dataclasses.replace(app, tools=tools.tools, for_tools=tools.for_tools)
        return check_preflight(settings, lock, NO_LOCK, installed, LINUX)

    return run


Check = Callable[..., CheckResult]


def problems_of(check: Check, settings: ReleaseSettings, versions: Versions) -> str:
    with pytest.raises(PreflightError) as caught:
        check(settings, lock_of(versions))
    return "\n".join(f"{problem.what}\n{problem.hint}" for problem in caught.value.problems)


def test_environment_that_matches_the_lock_passes(check: Check, settings: ReleaseSettings, versions: Versions) -> None:
    check(settings, lock_of(versions))


@pytest.mark.shows_failing("_lock_difference_problems")
def test_version_that_differs_from_the_lock_is_refused(
    check: Check, settings: ReleaseSettings, versions: Versions
) -> None:
    found = problems_of(check, settings, {**versions, "rich": "0.1"})
    assert f"rich {versions['rich']}, locked 0.1" in found


def test_missing_and_extra_packages_are_refused(check: Check, settings: ReleaseSettings, versions: Versions) -> None:
    without_rich = {name: version for name, version in versions.items() if name != "rich"}
    found = problems_of(check, settings, {**without_rich, "ghost": "1.0"})
    assert "ghost missing, locked 1.0" in found
    assert f"rich {versions['rich']}, not locked" in found


@pytest.mark.shows_failing("_pyinstaller_problems")
def test_old_pyinstaller_is_refused(
    check: Check, settings: ReleaseSettings, versions: Versions, tmp_path: Path
) -> None:
    old = with_tools(install(tmp_path / "old", "pyinstaller", [], version="6.22.2"))
    assert "6.22.2" in problems_of(functools.partial(check, tools=old), settings, versions)


def test_tools_that_differ_from_their_lock_are_refused(
    check: Check, settings: ReleaseSettings, versions: Versions, tools: InstalledEnvironment
) -> None:
    other = dataclasses.replace(tools, for_tools={"pyinstaller": "6.30"})
    found = problems_of(functools.partial(check, tools=other), settings, versions)
    assert "release_tools/poetry.lock: pyinstaller 6.22.3, locked 6.30" in found


@pytest.mark.shows_failing("_python_problems")
def test_other_python_than_pinned_is_refused(check: Check, settings: ReleaseSettings, versions: Versions) -> None:
    other = dataclasses.replace(settings, python_version="3.9")
    assert "3.9" in problems_of(check, other, versions)


@pytest.mark.shows_failing("_wheel_problems")
def test_package_without_wheel_is_refused(check: Check, settings: ReleaseSettings, versions: Versions) -> None:
    lock = lock_of(versions)
    first = dataclasses.replace(lock.packages[0], file_names=("thing-1.0-cp313-cp313-win_amd64.whl",))
    with pytest.raises(PreflightError) as caught:
        check(settings, dataclasses.replace(lock, packages=(first, *lock.packages[1:])))
    (problem,) = caught.value.problems
    assert first.name in problem.what


@pytest.mark.shows_failing("_license_problems")
def test_project_without_license_is_refused(check: Check, settings: ReleaseSettings, versions: Versions) -> None:
    (settings.root / "LICENSE").unlink()
    assert "LICENSE" in problems_of(check, settings, versions)


@pytest.mark.shows_failing("_whole_distribution_problems")
def test_unknown_whole_distribution_is_refused(check: Check, settings: ReleaseSettings, versions: Versions) -> None:
    check(dataclasses.replace(settings, whole_distributions=("Pluggy",)), lock_of(versions))
    unknown = dataclasses.replace(settings, whole_distributions=("datasets",))
    assert "'datasets'" in problems_of(check, unknown, versions)


@pytest.mark.shows_failing("_allowed_finding_problems")
def test_allowed_finding_of_unknown_check_is_refused(
    check: Check, settings: ReleaseSettings, versions: Versions
) -> None:
    known = AllowedFinding(check="import audit", finding="module x", reason="why")
    check(dataclasses.replace(settings, allowed_findings=(known,)), lock_of(versions))
    unknown = dataclasses.replace(known, check="imports audit")
    found = problems_of(check, dataclasses.replace(settings, allowed_findings=(known, unknown)), versions)
    assert "'imports audit'" in found
    assert "'import audit'?" in found


def test_all_problems_are_reported_together(check: Check, settings: ReleaseSettings, versions: Versions) -> None:
    (settings.root / "LICENSE").unlink()
    with pytest.raises(PreflightError) as caught:
        check(settings, lock_of({**versions, "ghost": "1.0"}))
    assert len(caught.value.problems) == 2


@pytest.mark.shows_failing("_content_problems")
def test_missing_project_is_refused(check: Check, settings: ReleaseSettings, versions: Versions, site: Path) -> None:
    for path in (site / "tiny_app-1.0.dist-info").iterdir():
        path.unlink()
    (site / "tiny_app-1.0.dist-info").rmdir()
    assert "tiny-app" in problems_of(check, settings, versions)


@pytest.mark.shows_failing("collision_problems")
def test_two_distributions_with_one_module_are_refused(check: Check, settings: ReleaseSettings, site: Path) -> None:
    install(site, "multipart", {"multipart.py": "class MultipartSegment: ..."})
    install(site, "python-multipart", {"multipart/__init__.py": "from python_multipart import *"})
    found = problems_of(check, settings, versions_in(site))
    assert "multipart 1.0 (multipart.py)" in found
    assert "`poetry show --why multipart` and `poetry show --why python-multipart`" in found


@pytest.mark.shows_failing("own_code_problems")
def test_own_code_that_starts_processes_is_refused(
    check: Check, settings: ReleaseSettings, versions: Versions, site: Path
) -> None:
    (site / "tiny_app" / "cli.py").write_text("import multiprocessing as mp\nmp.Pool(2)\n", encoding="utf-8")
    assert "tiny_app/cli.py:2" in problems_of(check, settings, versions)


@pytest.mark.shows_failing("path_file_problems")
def test_own_path_file_with_code_is_refused(check: Check, settings: ReleaseSettings, site: Path) -> None:
    install(site, "tiny-app", {"tiny_app/cli.py": "def main(): ...", "tiny_app.pth": "import tiny_app.patches"})
    assert "tiny_app.pth" in problems_of(check, settings, versions_in(site))


def test_path_file_of_dependency_is_noted(check: Check, settings: ReleaseSettings, site: Path) -> None:
    install(site, "loud", {"loud/__init__.py": "", "loud.pth": "import loud"})
    (note,) = (note for note in check(settings, lock_of(versions_in(site))).notes if "loud" in note)
    assert note.startswith("loud.pth of loud 1.0")


def test_only_allowed_finding_passes(check: Check, settings: ReleaseSettings, versions: Versions, site: Path) -> None:
    (site / "tiny_app" / "cli.py").write_text(
        "import multiprocessing as mp\nmp.Pool(2)\nmp.Manager()\n", encoding="utf-8"
    )
    allowed = (
        AllowedFinding(check="preflight", finding="tiny_app/cli.py:2 starts processes*", reason="never reached"),
        AllowedFinding(check="another", finding="*mp.Manager*", reason="of another check"),
    )
    found = problems_of(check, dataclasses.replace(settings, allowed_findings=allowed), versions)
    assert "tiny_app/cli.py:3" in found
    assert "tiny_app/cli.py:2" not in found


def test_result_notes_what_is_allowed(check: Check, settings: ReleaseSettings, versions: Versions, site: Path) -> None:
    (site / "tiny_app" / "cli.py").write_text("import multiprocessing as mp\nmp.Pool(2)\n", encoding="utf-8")
    with pytest.raises(PreflightError) as caught:
        check(settings, lock_of(versions))
    (pasted,) = tomllib.loads(caught.value.allowance)["tool"]["release-tools"]["allowed-findings"]
    allowed = (AllowedFinding(**pasted), AllowedFinding(check="preflight", finding="another", reason="old"))
    result = check(dataclasses.replace(settings, allowed_findings=allowed), lock_of(versions))
    assert [any(entry.finding in note for note in result.notes) for entry in allowed] == [True, True]
