import sys
from pathlib import Path

import pytest

from release_tools.bootstrap import github_jobs
from release_tools.bootstrap.github_jobs import version_of_run
from release_tools.errors import RequestError
from release_tools.settings import ReleaseSettings

BY_HAND = {"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"}


def pushed(tag: str) -> dict[str, str]:
    return {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": tag, "VERSION_INPUT": ""}


def test_a_pushed_tag_gives_its_version(settings: ReleaseSettings) -> None:
    assert version_of_run(settings, pushed("tiny-v1.2.3")) == "v1.2.3"


@pytest.mark.parametrize("tag", ["tiny-v1.2.4", "tiny-v1.2.3rc1", "tiny-v", "v1.2.3", "tiny-v1.2.3\nversion=v6", ""])
def test_a_tag_that_is_not_of_this_version_is_refused_with_the_right_one(settings: ReleaseSettings, tag: str) -> None:
    with pytest.raises(RequestError, match=r"the version of pyproject\.toml is 1\.2\.3") as caught:
        version_of_run(settings, pushed(tag))
    assert "`invoke release --tag`, which makes tiny-v1.2.3" in str(caught.value)


@pytest.mark.parametrize("value", [{}, {"VERSION_INPUT": ""}, {"VERSION_INPUT": "dev"}])
def test_a_run_by_hand_builds_a_dev_version_unless_told_otherwise(
    settings: ReleaseSettings, value: dict[str, str]
) -> None:
    assert version_of_run(settings, {**BY_HAND, **value}) == "dev"


@pytest.mark.parametrize("value", ["1.2.3", "v1.2.4", "dev\nversion=v6", "$(id)"])
def test_a_version_that_is_neither_is_refused(settings: ReleaseSettings, value: str) -> None:
    with pytest.raises(RequestError, match=r"is neither 'dev' nor the version of pyproject\.toml"):
        version_of_run(settings, {**BY_HAND, "VERSION_INPUT": value})


def test_a_run_by_hand_on_a_tag_is_no_release(settings: ReleaseSettings) -> None:
    environ = {**pushed("tiny-v9"), "GITHUB_EVENT_NAME": "workflow_dispatch"}
    assert version_of_run(settings, environ) == "dev"


def test_the_version_is_handed_to_the_other_jobs(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "output"
    output.write_text("earlier=1\n", encoding="utf-8")
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["github_jobs", "version"])
    for name, value in {**pushed("tiny-v1.2.3"), "GITHUB_OUTPUT": str(output)}.items():
        monkeypatch.setenv(name, value)
    assert github_jobs.main() == 0
    assert output.read_text(encoding="utf-8") == "earlier=1\nversion=v1.2.3\n"


def test_a_refused_tag_hands_on_nothing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["github_jobs", "version"])
    for name, value in {**pushed("tiny-v2"), "GITHUB_OUTPUT": str(tmp_path / "output")}.items():
        monkeypatch.setenv(name, value)
    assert github_jobs.main() == 1
    assert not (tmp_path / "output").exists()
    assert capsys.readouterr().err.startswith("error: cannot release tag 'tiny-v2'")


def test_nox_is_put_on_the_path_of_the_steps_that_follow(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The border is the installer, which needs the network."""
    path = tmp_path / "path"
    made: list[Path] = []

    def create(settings: ReleaseSettings, folder: Path, groups: tuple[str, ...], *, is_kept: bool) -> Path:
        assert settings.root == project
        assert groups == ("test",)
        assert is_kept
        made.append(folder)
        return folder / "bin" / "python"

    monkeypatch.setattr(github_jobs, "create_environment", create)
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["github_jobs", "nox"])
    monkeypatch.setenv("GITHUB_PATH", str(path))
    assert github_jobs.main() == 0
    assert path.read_text(encoding="utf-8") == f"{made[0] / 'bin'}\n"
