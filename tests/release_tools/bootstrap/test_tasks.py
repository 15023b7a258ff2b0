import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from release_tools.bootstrap import tasks as maintenance
from release_tools.errors import NoCommitError, RequestError, UnknownPlatformError


def test_a_report_without_a_record_is_refused_before_any_work(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError) as caught:
        maintenance.report(project, [tmp_path / "missing.json", tmp_path / "empty"], None)
    assert [problem.what for problem in caught.value.problems] == [
        f"there is no build record at {tmp_path / 'missing.json'}",
        f"there is no build record at {tmp_path / 'empty'}",
    ]
    assert not (project / "build").exists()


def test_records_are_found_in_a_folder_as_builds_and_downloads_lay_them(tmp_path: Path) -> None:
    wanted = [tmp_path / "linux-amd64" / "record.json", tmp_path / "record.json", tmp_path / "windows-record.json"]
    for path in (*wanted, tmp_path / "linux-amd64" / "other.json", tmp_path / "a" / "b" / "record.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert maintenance._records_at(tmp_path) == wanted


@pytest.fixture
def checkout(project: Path) -> Path:
    """The project in one commit, on the branch `topic`."""
    for args in (["init", "--quiet", "--initial-branch", "topic"], ["add", "--all"], ["commit", "-q", "-m", "one"]):
        git(project, *args)
    return project


def git(folder: Path, *args: str) -> None:
    identity = {f"GIT_{who}_{key}": "tester" for who in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *args], cwd=folder, env={**os.environ, **identity, **plain}, check=True, timeout=60)


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """What would be started inside the locked environment."""
    started: list[Sequence[str]] = []
    monkeypatch.setattr(maintenance, "tool_environment", lambda *_: Path("python"))
    monkeypatch.setattr(maintenance, "run_inside", lambda _, args: started.append(args))
    return started


@pytest.mark.programs
def test_a_build_on_github_is_handed_over_with_all_that_it_needs(
    checkout: Path, handed_over: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    maintenance.build_remotely(checkout, ["darwin-arm64", "linux-amd64"], "v1.2.3", 7)
    assert " ".join(handed_over[0]) == (
        "python -m release_tools build-remotely --platform darwin-arm64 --platform linux-amd64 "
        "--version v1.2.3 --branch topic --run-number 7"
    )
    assert capsys.readouterr().out == ""


@pytest.mark.programs
def test_what_is_not_committed_is_said_to_be_left_out(
    checkout: Path, handed_over: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "LICENSE").write_text("changed\n", encoding="utf-8")
    maintenance.build_remotely(checkout, ["darwin-arm64"], "dev", None)
    assert "without what was changed here since" in capsys.readouterr().out
    assert "--run-number" not in handed_over[0]


@pytest.mark.programs
def test_all_that_is_wrong_with_a_build_on_github_is_told_at_once(
    checkout: Path, handed_over: list[Sequence[str]]
) -> None:
    git(checkout, "switch", "--quiet", "--detach")
    with pytest.raises(RequestError) as caught:
        maintenance.build_remotely(checkout, ["darwin-arm64"], "v9.9.9", None)
    assert [problem.what for problem in caught.value.problems] == [
        "--version 'v9.9.9' is neither 'dev' nor the version of pyproject.toml, 'v1.2.3'",
        "no branch is checked out",
    ]
    assert handed_over == []


def test_outside_a_checkout_and_for_no_platform_nothing_is_started(project: Path) -> None:
    with pytest.raises(NoCommitError):
        maintenance.build_remotely(project, ["darwin-arm64"], "dev", None)
    with pytest.raises(UnknownPlatformError):
        maintenance.build_remotely(project, ["plan9-amd64"], "dev", None)


def test_tasks_on_releases_hand_over_tags_that_cannot_pass_for_options(
    project: Path, handed_over: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "release_environment", lambda _: Path("python"))
    maintenance.publish(project, "--help", project / "dist", is_dry_run=True)
    maintenance.publish(project, "tiny-v1", project / "dist", is_dry_run=False)
    maintenance.discard(project, "--yes-really", is_sure=False)
    maintenance.discard(project, "tiny-v1", is_sure=True)
    maintenance.status(project)
    assert [list(args[3:]) for args in handed_over] == [
        ["publish", "--tag=--help", f"--folder={project / 'dist'}", "--dry-run"],
        ["publish", "--tag=tiny-v1", f"--folder={project / 'dist'}"],
        ["discard", "--tag=--yes-really"],
        ["discard", "--tag=tiny-v1", "--yes-really"],
        ["status"],
    ]
