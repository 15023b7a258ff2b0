import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from release_tools.bootstrap import bench as bench_module
from release_tools.bootstrap.bench import PARTS, BenchRequest, bench
from release_tools.errors import NoCommitError
from release_tools.platforms import host_platform
from release_tools.repository import git, read_commit
from release_tools.settings import ReleaseSettings

IDENTITY = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")


def commit_all(project: Path) -> str:
    git(project, "add", "--all")
    git(project, *IDENTITY, "commit", "--quiet", "--message", "change")
    commit = read_commit(project)
    assert commit is not None
    return commit.sha


def test_everything_is_measured_by_default() -> None:
    assert BenchRequest.parse([]) == BenchRequest(only=PARTS, rounds=11, build_rounds=3, beside=())


def test_parts_are_measured_in_their_order() -> None:
    request = BenchRequest.parse(["--only", "start", "--only", "build", "--rounds", "5", "--beside", "uv"])
    assert (request.only, request.rounds, request.beside) == (("build", "start"), 5, ("uv",))


@pytest.mark.parametrize("arguments", [["--only", "speed"], ["--rounds", "0"], ["--build-rounds", "x"], ["extra"]])
def test_invalid_options_end_with_usage(arguments: Sequence[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        BenchRequest.parse(arguments)
    assert caught.value.code == 2


def test_commit_is_needed(project: Path) -> None:
    with pytest.raises(NoCommitError):
        bench(project, [])


@pytest.mark.programs
def test_commit_is_measured_in_a_clone_that_is_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what creates environments and starts the rest is replaced."""
    calls: list[list[str]] = []
    monkeypatch.setattr(bench_module, "tool_environment", lambda *_: Path("tools"))
    monkeypatch.setattr(bench_module, "create_environment", lambda _settings, folder, *_, **__: folder / "python")
    monkeypatch.setattr(bench_module, "install_project", lambda *_: None)
    monkeypatch.setattr(bench_module, "run_inside", lambda _root, args: calls.append(args))
    git(project, "init", "--quiet")
    sha = commit_all(project)
    clone = ReleaseSettings.load(project).build_folder(host_platform().name) / "benchmark" / "clone"
    (project / "LICENSE").write_text("uncommitted", encoding="utf-8")
    bench(project, ["--only", "start"])
    assert (clone / "LICENSE").read_text(encoding="utf-8") == "Free for all.\n"
    (clone / "dist").mkdir()
    bench(project, ["--only", "start"])
    assert (clone / "dist").is_dir()
    (project / ".gitignore").write_text("/build/\n", encoding="utf-8")
    assert commit_all(project) != sha
    bench(project, [])
    assert not (clone / "dist").exists()
    assert f"--nox-python={sys.executable}" in calls[0]
    assert [any(option.startswith("--peers-python") for option in call) for call in calls] == [False, False, True]
