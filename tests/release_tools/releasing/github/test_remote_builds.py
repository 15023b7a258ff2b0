import dataclasses
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from release_tools.archives import Member, checksum_path, write_archive, write_checksum
from release_tools.errors import CommandFailedError, RefusedDownloadsError, RequestError
from release_tools.platforms import PLATFORMS, find_platform
from release_tools.releasing.errors import RemoteBuildFailedError, WorkflowRunError, WrongArtifactError
from release_tools.releasing.github import remote_builds
from release_tools.releasing.github.api import GitHubApi
from release_tools.releasing.github.remote_builds import RemoteBuild, build_remotely, start_run
from release_tools.repository import Commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import BuildVersion, archive_name
from tests.release_tools.releasing.fake_github import Fault, fake_gh, served_to_gh
from tests.release_tools.releasing.fake_workflows import WORKFLOW, FakeWorkflowRepository, zipped
from tests.release_tools.releasing.sample_release import COMMIT

BRANCH = "topic/faster"
PLATFORM = "darwin-arm64"
ARTIFACT = f"tiny-{PLATFORM}"


@pytest.fixture
def github() -> FakeWorkflowRepository:
    """A repository whose branch is at our commit."""
    return FakeWorkflowRepository(BRANCH, COMMIT)


@pytest.fixture
def gh(github: FakeWorkflowRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorkflowRepository]:
    """The same, served to the real `gh`, with runs that have finished."""
    github.steps = [("completed", "success")]
    with served_to_gh(github, monkeypatch):
        yield github


def remote_build(settings: ReleaseSettings, *names: str, label: str = "dev") -> RemoteBuild:
    return RemoteBuild(
        settings=settings,
        platforms=tuple(find_platform(name) for name in names or (PLATFORM,)),
        label=label,
        commit=Commit(sha=COMMIT, time=1, is_dirty=True),
        branch=BRANCH,
    )


def make_artifact(folder: Path, platform_name: str = PLATFORM, label: str = "dev") -> list[Path]:
    """An archive and its checksum, as a job uploads them."""
    folder.mkdir(parents=True, exist_ok=True)
    platform = find_platform(platform_name)
    version = BuildVersion(label=label, project_version="1.2.3", local_part="")
    (folder / "program").write_bytes(b"program")
    archive = folder / archive_name("tiny", version, platform)
    member = Member(name=f"tiny{platform.executable_suffix}", path=folder / "program", mode=0o755)
    write_archive(archive, [member], 0)
    return [archive, write_checksum(archive)]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The exact versions of the archives that were verified, all of which pass."""
    versions: list[str] = []

    def accept(settings: ReleaseSettings, archives: Sequence[Path], *, exact: BuildVersion, **_others: object) -> None:
        assert not settings.dist_folder.exists(), "dist/ changed before everything was verified"
        versions.extend(exact.exact for _ in archives)

    monkeypatch.setattr(remote_builds, "verify_downloads", accept)
    return versions


def remotely(build: RemoteBuild, *, run_id: int | None = None) -> tuple[Path, ...]:
    api = GitHubApi(build.settings.root, say=lambda _: None)
    return build_remotely(build, api, Console(file=io.StringIO()), run_id=run_id, suite_python=None)


def started(build: RemoteBuild, github: FakeWorkflowRepository) -> int:
    return start_run(build, GitHubApi(build.settings.root, start=fake_gh(github)))


def test_started_run_is_used_not_the_newest(settings: ReleaseSettings, github: FakeWorkflowRepository) -> None:
    run_id = started(remote_build(settings), github)
    assert github.inputs == [{"platform": PLATFORM, "version": "dev"}]
    assert run_id < max(github.runs)


def test_all_platforms_share_one_run(settings: ReleaseSettings, github: FakeWorkflowRepository) -> None:
    started(remote_build(settings, *(platform.name for platform in PLATFORMS), label="v1.2.3"), github)
    assert github.inputs == [{"platform": "all", "version": "v1.2.3"}]


@pytest.mark.parametrize(
    ("branch", "commit", "workflows", "named"),
    [
        ("main", COMMIT, {WORKFLOW}, BRANCH),
        (BRANCH, "f" * 40, {WORKFLOW}, "fffffff"),
        (BRANCH, COMMIT, set(), WORKFLOW),
    ],
    ids=["branch", "commit", "workflow"],
)
def test_unbuildable_commit_is_refused_before_starting(
    settings: ReleaseSettings, branch: str, commit: str, workflows: set[str], named: str
) -> None:
    github = FakeWorkflowRepository(branch, commit)
    github.workflows = workflows
    with pytest.raises(RequestError) as caught:
        started(remote_build(settings), github)
    assert named in caught.value.problems[0].what
    assert github.runs == {}


@pytest.mark.parametrize(("commit", "workflow"), [("f" * 40, WORKFLOW), (COMMIT, "lint.yml")])
def test_run_of_other_commit_or_workflow_is_refused(
    settings: ReleaseSettings, gh: FakeWorkflowRepository, commit: str, workflow: str
) -> None:
    run_id = gh.add_run(commit, workflow)
    with pytest.raises(WorkflowRunError) as caught:
        remotely(remote_build(settings), run_id=run_id)
    assert caught.value.run_id == run_id
    assert not settings.dist_folder.exists()


def test_archives_are_verified_and_placed(
    settings: ReleaseSettings, gh: FakeWorkflowRepository, verified: list[str], tmp_path: Path
) -> None:
    gh.steps = [("queued", None), ("in_progress", None), ("completed", "success")]
    files = {name: make_artifact(tmp_path / name, name) for name in (PLATFORM, "windows-amd64")}
    gh.artifacts = {f"tiny-{name}": zipped(paths) for name, paths in files.items()}
    placed = remotely(remote_build(settings, *files))
    assert verified == [f"1.2.3+dev.g{COMMIT[:7]}"] * 2
    assert placed == tuple(settings.dist_folder / paths[0].name for paths in files.values())
    for paths in files.values():
        for path in paths:
            assert (settings.dist_folder / path.name).read_bytes() == path.read_bytes()


def test_existing_run_is_resumed(
    settings: ReleaseSettings, gh: FakeWorkflowRepository, verified: list[str], tmp_path: Path
) -> None:
    gh.artifacts = {ARTIFACT: zipped(make_artifact(tmp_path / "a"))}
    remotely(remote_build(settings), run_id=gh.add_run(COMMIT))
    assert gh.inputs == []
    assert len(verified) == 1


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out"])
def test_failed_run_leaves_dist_unchanged(
    settings: ReleaseSettings, gh: FakeWorkflowRepository, conclusion: str, tmp_path: Path
) -> None:
    gh.steps = [("queued", None), ("completed", conclusion)]
    gh.artifacts = {ARTIFACT: zipped(make_artifact(tmp_path / "a"))}
    with pytest.raises(RemoteBuildFailedError) as caught:
        remotely(remote_build(settings))
    assert caught.value.run_id == min(gh.runs)
    assert not settings.dist_folder.exists()


def test_lost_run_can_be_resumed(settings: ReleaseSettings, gh: FakeWorkflowRepository) -> None:
    gh.steps = [("in_progress", None)]
    gh.faults = [Fault(kind="status", request=r"GET .*/jobs", status=500, times=9)]
    with pytest.raises(WorkflowRunError) as caught:
        remotely(remote_build(settings))
    assert f"--run {min(gh.runs)}" in caught.value.hint


def test_failed_download_can_be_resumed(settings: ReleaseSettings, gh: FakeWorkflowRepository) -> None:
    with pytest.raises(CommandFailedError) as caught:
        remotely(remote_build(settings))
    assert f"--run {min(gh.runs)}" in caught.value.hint
    assert not settings.dist_folder.exists()


@pytest.mark.parametrize("label", ["v1.2.3", "dev"])
def test_artifact_without_archive_or_checksum_is_refused(
    settings: ReleaseSettings, gh: FakeWorkflowRepository, tmp_path: Path, label: str
) -> None:
    archive, checksum = make_artifact(tmp_path / "a", label=label)
    gh.artifacts = {ARTIFACT: zipped([archive] if label == "dev" else [archive, checksum])}
    with pytest.raises(WrongArtifactError) as caught:
        remotely(remote_build(settings))
    expected = ["tiny-dev-darwin-arm64.tar.gz", "tiny-dev-darwin-arm64.tar.gz.sha256"]
    assert list(caught.value.missing) == (expected[1:] if label == "dev" else expected)
    assert not settings.dist_folder.exists()


def test_failed_verification_leaves_dist_unchanged(
    settings: ReleaseSettings, gh: FakeWorkflowRepository, tmp_path: Path
) -> None:
    gh.artifacts = {ARTIFACT: zipped(make_artifact(tmp_path / "a"))}
    last_good = settings.dist_folder / "tiny-dev-darwin-arm64.tar.gz"
    settings.dist_folder.mkdir()
    last_good.write_bytes(b"the last good one")
    with pytest.raises(RefusedDownloadsError):
        remotely(remote_build(settings))
    assert last_good.read_bytes() == b"the last good one"
    assert not checksum_path(last_good).exists()


def test_version_ignores_uncommitted_changes(settings: ReleaseSettings) -> None:
    build = remote_build(settings)
    assert build.version.exact == f"1.2.3+dev.g{COMMIT[:7]}"
    assert dataclasses.replace(build, label="v1.2.3").version.exact == "1.2.3"
