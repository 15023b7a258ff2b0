import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.bootstrap import sessions
from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.errors import (
    BusyError,
    FilesystemError,
    MissingPythonError,
    ReleaseError,
    RequestError,
    UnknownPlatformError,
    reporting_os_errors,
)
from release_tools.platforms import PLATFORMS, host_platform
from release_tools.settings import ReleaseSettings

REPOSITORY = Path(__file__).parents[3]
OTHER = next(platform for platform in PLATFORMS if platform != host_platform())


def request_error(project: Path, platform_name: str, *arguments: str) -> str:
    before = sorted(project.rglob("*"))
    with pytest.raises(ReleaseError) as caught:
        sessions.build(project, platform_name, arguments)
    assert sorted(project.rglob("*")) == before, "a refused request must change nothing on disk"
    return str(caught.value)


@pytest.mark.usefixtures("has_all_tools")
def test_a_good_request_has_no_problems(locked_project: Path) -> None:
    assert sessions.request_problems(ReleaseSettings.load(locked_project), host_platform(), "dev") == []


def test_a_build_for_another_machine_is_refused_with_the_ways_out(locked_project: Path) -> None:
    message = request_error(locked_project, OTHER.name)
    assert f"error: cannot build {OTHER.name}: this machine is {host_platform().name}" in message
    assert f"nox -s build-{host_platform().name}" in message
    assert f"invoke build --platform {OTHER.name}" in message


def test_an_unknown_platform_is_refused(locked_project: Path) -> None:
    with pytest.raises(UnknownPlatformError):
        sessions.build(locked_project, "linux-riscv", [])


def test_a_bad_version_is_refused(locked_project: Path) -> None:
    message = request_error(locked_project, host_platform().name, "--version", "1.2.4")
    assert "--version '1.2.4' is neither 'dev' nor the version of pyproject.toml, 'v1.2.3'" in message


def test_a_stale_lock_is_refused_with_the_command_that_mends_it(locked_project: Path) -> None:
    path = locked_project / "pyproject.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("dependencies = []", 'dependencies = ["idna"]'), encoding="utf-8"
    )
    message = request_error(locked_project, host_platform().name)
    assert "poetry.lock is stale" in message
    assert "hint: bring it up to date with `poetry lock`" in message


def test_a_missing_lock_is_refused(project: Path) -> None:
    assert "poetry.lock: there is no such file" in request_error(project, host_platform().name)


def test_a_module_beside_the_project_that_hides_the_standard_library_is_refused(locked_project: Path) -> None:
    (locked_project / "platform").mkdir()
    (locked_project / "platform" / "__init__.py").touch()
    message = request_error(locked_project, host_platform().name)
    assert "platform in the project's folder has the name of the standard library's 'platform'" in message


def test_everything_that_is_wrong_with_a_request_is_listed_at_once(project: Path) -> None:
    message = request_error(project, OTHER.name, "--version", "v9")
    assert message.startswith(f"error: cannot build {OTHER.name}: 3 problems")


def test_an_environment_for_tests_is_not_made_from_a_stale_lock(project: Path) -> None:
    with pytest.raises(RequestError, match=r"cannot make the tests environment: poetry\.lock: there is no such file"):
        sessions.tool_environment(project, "tests", ["main"])


def test_an_unknown_option_is_a_usage_error(locked_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        sessions.build(locked_project, host_platform().name, ["--verison", "dev"])
    assert caught.value.code == 2
    assert "unrecognized arguments: --verison dev" in capsys.readouterr().err


def test_only_files_are_archives_whatever_a_folder_is_called(locked_project: Path) -> None:
    folder = locked_project / "tiny-v1.2.3-linux-amd64.tar.gz"
    (folder / "tiny-v1.2.3-darwin-arm64.tar.gz").mkdir(parents=True)
    with pytest.raises(RequestError) as caught:
        sessions.verify(locked_project, [folder, locked_project / "gone.zip"])
    assert f"there is no file {locked_project / 'gone.zip'}" in str(caught.value)
    assert f"no archive in {folder}" in str(caught.value)
    assert not (locked_project / "build").exists()


def test_a_build_group_without_what_the_library_needs_is_refused(
    locked_project: Path, write_lock: Callable[..., None]
) -> None:
    write_lock("pyinstaller", "packaging")
    message = request_error(locked_project, host_platform().name)
    assert "2 problems" in message
    assert "the dependency group 'build' has no lief" in message
    assert "the dependency group 'build' has no rich" in message


def test_a_test_suite_needs_pytest(locked_project: Path) -> None:
    (locked_project / "suite").mkdir()
    with (locked_project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('test-suite = "suite"\ntest-binary-variable = "TINY"\n')
    assert "the dependency group 'test' has no pytest" in request_error(locked_project, host_platform().name)


@pytest.mark.parametrize("version", ["3.12.4", "3.13", "3.130.1", "3.13.x"])
def test_python_outside_the_pinned_release_is_refused(locked_project: Path, version: str) -> None:
    message = request_error(locked_project, host_platform().name, "--python", version)
    assert f"--python {version} " in message


@pytest.mark.usefixtures("has_all_tools")
def test_rebuild_gets_exactly_the_python_it_asks_for(locked_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def create(settings: ReleaseSettings, *_args: object, **_options: object) -> Path:
        asked.append(settings.python_version)
        raise MissingPythonError(settings.python_version, "it is not here")

    monkeypatch.setattr(sessions, "create_environment", create)
    for arguments in ([], ["--python", "3.13.5"]):
        with pytest.raises(MissingPythonError):
            sessions.build(locked_project, host_platform().name, arguments)
    assert asked == ["3.13", "3.13.5"]


def test_a_second_build_in_the_same_folder_is_refused_at_once(locked_project: Path) -> None:
    with (
        exclusive_use(locked_project / "build" / host_platform().name),
        pytest.raises(BusyError, match="is at work in"),
    ):
        sessions.build(locked_project, host_platform().name, [])


def test_a_folder_may_be_used_again_after_its_use(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive_use(tmp_path / "folder"):
            assert (tmp_path / "folder").is_dir()


# Arguments: the folder, then the program that is run while it is in use.
USING = """
import sys
from pathlib import Path
from release_tools.processes.run import run
from release_tools.bootstrap.folder_lock import exclusive_use
with exclusive_use(Path(sys.argv[1])):
    run(sys.argv[2:], cwd=Path())
"""


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="on Windows children end with the process that started them")
def test_a_build_that_goes_on_after_nox_was_killed_keeps_its_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"]
    with subprocess.Popen(
        [sys.executable, "-c", USING, str(tmp_path / "folder"), *build],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as nox:
        assert nox.stdin is not None
        assert nox.stdout is not None
        assert nox.stdout.readline() == b"ready\n"
        nox.kill()
        nox.wait(timeout=60)
        with pytest.raises(BusyError), exclusive_use(tmp_path / "folder"):
            pass
        nox.stdin.close()
        assert nox.stdout.read() == b"", "the build ends"


def test_what_the_system_refuses_is_told_and_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(FilesystemError, match=r"No space left on device \(dist/app\)") as caught, reporting_os_errors():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "dist/app")
    assert caught.value.hint == "make room on the disk, then run the same command again"
    with pytest.raises(ConnectionError), reporting_os_errors():
        raise ConnectionError(errno.ECONNRESET, "reset")
