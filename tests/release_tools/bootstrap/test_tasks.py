import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from release_tools.bootstrap import tasks as maintenance
from release_tools.bootstrap.environment import tool_environment
from release_tools.errors import NoCommitError, RequestError, UnknownPlatformError


def test_stale_lock_creates_no_environment(project: Path) -> None:
    with pytest.raises(RequestError) as caught:
        tool_environment(project, "tests", ["build"])
    assert caught.value.problems[0].what.startswith("poetry.lock: ")
    assert not (project / "build").exists()


def test_folders_are_never_archives(locked_project: Path) -> None:
    folder = locked_project / "tiny-v1.2.3-linux-amd64.tar.gz"
    (folder / "tiny-v1.2.3-darwin-arm64.tar.gz").mkdir(parents=True)
    with pytest.raises(RequestError) as caught:
        maintenance.verify(locked_project, [folder, locked_project / "missing.zip"])
    empty, missing = caught.value.problems
    assert empty.what.endswith(folder.name)
    assert missing.what.endswith("missing.zip")
    assert not (locked_project / "build").exists()


def test_report_without_records_is_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError) as caught:
        maintenance.report(project, [tmp_path / "missing.json", tmp_path / "empty"], None)
    missing, empty = caught.value.problems
    assert missing.what.endswith("missing.json")
    assert empty.what.endswith("empty")
    assert not (project / "build").exists()


def test_records_of_builds_and_downloads_are_found(tmp_path: Path) -> None:
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
def commands(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The commands that would run in the locked environment."""
    started: list[Sequence[str]] = []
    monkeypatch.setattr(maintenance, "tool_environment", lambda *_: Path("python"))
    monkeypatch.setattr(maintenance, "run_inside", lambda _, args: started.append(args))
    return started


@pytest.mark.programs
def test_build_on_github_gets_every_option(
    checkout: Path, commands: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    maintenance.build_remotely(checkout, ["darwin-arm64", "linux-amd64"], "v1.2.3", 7)
    assert " ".join(commands[0]) == (
        "python -m release_tools build-remotely --platform darwin-arm64 --platform linux-amd64 "
        "--version v1.2.3 --branch topic --run-number 7"
    )
    assert capsys.readouterr().out == ""


@pytest.mark.programs
def test_uncommitted_changes_are_mentioned(
    checkout: Path, commands: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "LICENSE").write_text("changed\n", encoding="utf-8")
    maintenance.build_remotely(checkout, ["darwin-arm64"], "dev", None)
    assert "uncommitted" in capsys.readouterr().out
    assert "--run-number" not in commands[0]


@pytest.mark.programs
def test_every_problem_of_a_github_build_is_reported(checkout: Path, commands: list[Sequence[str]]) -> None:
    git(checkout, "switch", "--quiet", "--detach")
    with pytest.raises(RequestError) as caught:
        maintenance.build_remotely(checkout, ["darwin-arm64"], "v9.9.9", None)
    version, branch = caught.value.problems
    assert "'v9.9.9'" in version.what
    assert "detached HEAD" in branch.what
    assert commands == []


def test_github_build_needs_a_commit_and_a_platform(project: Path) -> None:
    with pytest.raises(NoCommitError):
        maintenance.build_remotely(project, ["darwin-arm64"], "dev", None)
    with pytest.raises(UnknownPlatformError):
        maintenance.build_remotely(project, ["plan9-amd64"], "dev", None)
