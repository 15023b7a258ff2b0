import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.bootstrap import github_jobs
from release_tools.bootstrap.github_jobs import version_of_run
from release_tools.errors import RequestError
from release_tools.settings import ReleaseSettings

MANUAL_RUN = {"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}


def pushed(tag: str) -> dict[str, str]:
    names = {"GITHUB_REF_NAME": tag, "DEFAULT_BRANCH": "main", "VERSION_INPUT": ""}
    return {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag", **names}


def git(folder: Path, *args: str) -> None:
    user = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", *user, *args], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def merged(settings: ReleaseSettings) -> ReleaseSettings:
    """The settings of a project whose commit is on the remote's branch `main`, below another one."""
    git(settings.root, "init", "--quiet")
    git(settings.root, "add", "--all")
    git(settings.root, "commit", "--quiet", "--message=first")
    git(settings.root, "commit", "--quiet", "--allow-empty", "--message=second")
    git(settings.root, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(settings.root, "checkout", "--quiet", "--detach", "HEAD~1")
    return settings


@pytest.mark.programs
def test_pushed_tag_determines_the_version(merged: ReleaseSettings) -> None:
    assert version_of_run(merged, pushed("tiny-v1.2.3")) == "v1.2.3"


@pytest.mark.programs
def test_tag_of_an_unmerged_commit_is_refused(merged: ReleaseSettings) -> None:
    git(merged.root, "commit", "--quiet", "--allow-empty", "--message=side")
    with pytest.raises(RequestError) as caught:
        version_of_run(merged, pushed("tiny-v1.2.3"))
    (problem,) = caught.value.problems
    assert "main" in problem.hint


@pytest.mark.programs
@pytest.mark.parametrize("branch", ["", "trunk"])
def test_unknown_default_branch_is_refused(merged: ReleaseSettings, branch: str) -> None:
    with pytest.raises(RequestError) as caught:
        version_of_run(merged, {**pushed("tiny-v1.2.3"), "DEFAULT_BRANCH": branch})
    (problem,) = caught.value.problems
    assert "fetch-depth" in problem.hint


@pytest.mark.programs
@pytest.mark.parametrize("tag", ["tiny-v1.2.4", "tiny-v1.2.3rc1", "tiny-v", "v1.2.3", "tiny-v1.2.3\nversion=v6", ""])
def test_tag_of_another_version_is_refused(merged: ReleaseSettings, tag: str) -> None:
    with pytest.raises(RequestError) as caught:
        version_of_run(merged, pushed(tag))
    (problem,) = caught.value.problems
    assert problem.hint.endswith("tiny-v1.2.3")


@pytest.mark.parametrize("value", [{}, {"VERSION_INPUT": ""}, {"VERSION_INPUT": "dev"}])
def test_manual_run_builds_dev_by_default(settings: ReleaseSettings, value: dict[str, str]) -> None:
    assert version_of_run(settings, {**MANUAL_RUN, **value}) == "dev"


@pytest.mark.parametrize("value", ["1.2.3", "v1.2.4", "dev\nversion=v6", "$(id)"])
def test_other_version_is_refused(settings: ReleaseSettings, value: str) -> None:
    with pytest.raises(RequestError) as caught:
        version_of_run(settings, {**MANUAL_RUN, "VERSION_INPUT": value})
    assert repr(value) in caught.value.problems[0].what


def test_manual_run_on_a_tag_releases_nothing(settings: ReleaseSettings) -> None:
    environ = {**pushed("tiny-v9"), "GITHUB_EVENT_NAME": "workflow_dispatch"}
    assert version_of_run(settings, environ) == "dev"


@pytest.fixture
def run_step(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a step in the project with these environment variables, and returns its exit code."""

    def run(step: str, **variables: str) -> int:
        monkeypatch.chdir(project)
        monkeypatch.setattr(sys, "argv", ["github_jobs", step])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return github_jobs.main()

    return run


@pytest.mark.programs
@pytest.mark.usefixtures("merged")
def test_version_becomes_a_step_output(tmp_path: Path, run_step: Callable[..., int]) -> None:
    output = tmp_path / "output"
    output.write_text("earlier=1\n", encoding="utf-8")
    assert run_step("version", **pushed("tiny-v1.2.3"), GITHUB_OUTPUT=str(output)) == 0
    assert output.read_text(encoding="utf-8") == "earlier=1\nversion=v1.2.3\n"


def test_refused_tag_sets_no_output(
    tmp_path: Path, run_step: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_step("version", **pushed("tiny-v2"), GITHUB_OUTPUT=str(tmp_path / "output")) == 1
    assert not (tmp_path / "output").exists()
    assert capsys.readouterr().err.startswith("error: ")


def test_later_steps_find_nox_on_path(
    tmp_path: Path, run_step: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fakes the installer, which needs the network."""

    def create(_settings: ReleaseSettings, folder: Path, groups: tuple[str, ...], *, is_kept: bool) -> Path:
        assert (groups, is_kept) == (("nox",), True)
        return folder / "bin" / "python"

    monkeypatch.setattr(github_jobs, "create_tool_environment", create)
    path = tmp_path / "path"
    assert run_step("nox", GITHUB_PATH=str(path)) == 0
    assert Path(path.read_text(encoding="utf-8").strip()).parts[-2:] == ("nox", "bin")
