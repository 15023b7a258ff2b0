import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.bootstrap import sessions
from release_tools.bootstrap.build_request import BuildRequest, build_problems, shadowing_problems
from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.errors import BusyError, MissingPythonError, Problem, RequestError
from release_tools.platforms import PLATFORMS, find_platform, host_platform
from release_tools.settings import ReleaseSettings

HOST = host_platform()
OTHER = next(platform for platform in PLATFORMS if platform.os != HOST.os)

# A machine without one of PyInstaller's tools would add a problem.
pytestmark = pytest.mark.usefixtures("has_all_tools")


def problems_of(project: Path, *arguments: str, platform_name: str = HOST.name) -> tuple[Problem, ...]:
    """The problems for which a build is refused, before it changes anything on disk."""
    before = sorted(project.rglob("*"))
    with pytest.raises(RequestError) as caught:
        sessions.build(project, platform_name, arguments)
    assert caught.value.action == f"build {platform_name}"
    assert sorted(project.rglob("*")) == before
    return caught.value.problems


def test_valid_request_has_no_problems(locked_project: Path) -> None:
    assert build_problems(ReleaseSettings.load(locked_project), BuildRequest(platform=HOST)) == []


def test_other_platform_is_refused_with_alternatives(locked_project: Path) -> None:
    (problem,) = problems_of(locked_project, platform_name=OTHER.name)
    assert HOST.name in problem.what
    assert f"nox -s build-{HOST.name}" in problem.hint
    assert f"invoke build --platform {OTHER.name}" in problem.hint


def test_wrong_version_is_refused(locked_project: Path) -> None:
    (problem,) = problems_of(locked_project, "--version", "1.2.4")
    assert "'1.2.4'" in problem.what
    assert "--version v1.2.3" in problem.hint


def test_stale_lock_is_refused(locked_project: Path) -> None:
    path = locked_project / "pyproject.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("dependencies = []", 'dependencies = ["idna"]'), encoding="utf-8"
    )
    (problem,) = problems_of(locked_project)
    assert "stale" in problem.what
    assert "`poetry lock`" in problem.hint


def test_every_problem_is_reported_at_once(project: Path) -> None:
    (project / "platform.py").touch()
    problems = problems_of(project, "--version", "v9", platform_name=OTHER.name)
    assert all(
        word in problem.what
        for word, problem in zip(("machine", "poetry.lock", "shadows", "'v9'"), problems, strict=True)
    )


def test_unknown_option_is_a_usage_error(locked_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        sessions.build(locked_project, HOST.name, ["--verison", "dev"])
    assert caught.value.code == 2
    assert "--verison" in capsys.readouterr().err


def test_other_build_backend_is_refused(locked_project: Path) -> None:
    path = locked_project / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("poetry.core.masonry.api", "hatchling.build"), encoding="utf-8")
    (problem,) = problems_of(locked_project)
    assert "hatchling.build" in problem.what


def test_test_suite_needs_pytest(locked_project: Path, write_lock: Callable[..., None]) -> None:
    (locked_project / "suite").mkdir()
    with (locked_project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('test-suite = "suite"\ntest-binary-variable = "TINY"\n')
    (problem,) = problems_of(locked_project)
    assert "'test' has no pytest" in problem.what
    write_lock("pytest")
    assert build_problems(ReleaseSettings.load(locked_project), BuildRequest(platform=HOST)) == []


@pytest.mark.parametrize("version", ["3.12.4", "3.13", "3.130.1", "3.13.x"])
def test_python_outside_the_pinned_release_is_refused(locked_project: Path, version: str) -> None:
    (problem,) = problems_of(locked_project, "--python", version)
    assert problem.what.startswith(f"--python {version} ")


def test_build_uses_exactly_the_requested_python(locked_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(settings: ReleaseSettings, *_args: object, **_options: object) -> Path:
        raise MissingPythonError(settings.python_version)

    monkeypatch.setattr(sessions, "find_python", create)
    for arguments, version in (([], "3.13"), (["--python", "3.13.5"], "3.13.5")):
        with pytest.raises(MissingPythonError) as caught:
            sessions.build(locked_project, HOST.name, arguments)
        assert caught.value.version == version


def test_second_build_in_the_same_folder_is_refused(locked_project: Path) -> None:
    with exclusive_use(locked_project / "build" / HOST.name), pytest.raises(BusyError):
        sessions.build(locked_project, HOST.name, [])


@pytest.mark.parametrize("name", ["platform/__init__.py", "queue.py"])
def test_module_that_shadows_the_standard_library_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    (problem,) = shadowing_problems(tmp_path)
    assert problem.what.startswith(name.partition("/")[0])


@pytest.mark.parametrize("name", ["agent/__init__.py", "noxfile.py", "email/notes.txt", "src/platform/__init__.py"])
def test_other_names_shadow_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert shadowing_problems(tmp_path) == []


@pytest.mark.skipif(not HOST.can_use_upx, reason="UPX isn't used on macOS")
def test_missing_upx_is_refused_before_any_work(locked_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = locked_project / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8") + "upx = true\n", encoding="utf-8")
    settings, request = ReleaseSettings.load(locked_project), BuildRequest(platform=HOST)
    assert build_problems(settings, request) == []
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "upx" else f"/usr/bin/{name}")
    (problem,) = build_problems(settings, request)
    assert "'upx'" in problem.what
    assert "upx-ucl" in problem.hint


def test_macos_builds_need_no_upx(locked_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(ReleaseSettings.load(locked_project), is_upx_used=True)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "upx" else f"/usr/bin/{name}")
    mac = BuildRequest(platform=find_platform("darwin-arm64"))
    assert [problem for problem in build_problems(settings, mac) if "'upx'" in problem.what] == []
