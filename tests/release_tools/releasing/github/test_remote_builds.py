import dataclasses
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from release_tools.archives import Member, checksum_path, write_archive, write_checksum
from release_tools.errors import CommandFailedError, RefusedDownloadsError, RequestError
from release_tools.platforms import PLATFORMS, find_platform
from release_tools.releasing.errors import RemoteBuildFailedError, RemoteRunError, WrongArtifactError
from release_tools.releasing.github import remote_builds
from release_tools.releasing.github.remote_builds import RemoteBuild, build_remotely, read_run, start_run
from release_tools.releasing.github.requests import Requests
from release_tools.repository import Commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import BuildVersion, archive_name
from tests.release_tools.releasing.conftest import needs_gh
from tests.release_tools.releasing.github_server import Fault, reached_by_gh, stand_in
from tests.release_tools.releasing.subjects import COMMIT
from tests.release_tools.releasing.workflow_server import WORKFLOW, WorkflowRepository, zipped

BRANCH = "topic/faster"


@pytest.fixture
def github() -> WorkflowRepository:
    """A repository whose branch is at our commit."""
    return WorkflowRepository(BRANCH, COMMIT)


@pytest.fixture
def gh(github: WorkflowRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkflowRepository]:
    """The same, where the real `gh` reaches it."""
    with reached_by_gh(github, monkeypatch):
        yield github


def wanted(settings: ReleaseSettings, *names: str, label: str = "dev") -> RemoteBuild:
    return RemoteBuild(
        settings=settings,
        platforms=tuple(find_platform(name) for name in names or ("darwin-arm64",)),
        label=label,
        commit=Commit(sha=COMMIT, time=1, is_dirty=True),
        branch=BRANCH,
    )


def artifact(folder: Path, platform_name: str, label: str = "dev", content: bytes = b"program") -> list[Path]:
    """An archive and its checksum, as a job uploads them."""
    folder.mkdir(parents=True, exist_ok=True)
    platform = find_platform(platform_name)
    version = BuildVersion(label=label, project_version="1.2.3", local_part="")
    (folder / "program").write_bytes(content)
    archive = folder / archive_name("tiny", version, platform)
    member = Member(name=f"tiny{platform.executable_suffix}", path=folder / "program", mode=0o755)
    write_archive(archive, [member], 0)
    return [archive, write_checksum(archive)]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Names and exact versions of what was handed to the verification, which finds all of it good."""
    seen: list[tuple[str, str]] = []

    def accept(settings: ReleaseSettings, archives: Sequence[Path], *, exact: BuildVersion, **_others: object) -> None:
        assert not settings.dist_folder.exists(), "nothing may be in dist/ before everything was verified"
        seen.extend((archive.name, exact.exact) for archive in archives)

    monkeypatch.setattr(remote_builds, "verify_downloads", accept)
    return seen


def remotely(build: RemoteBuild, *, number: int | None = None) -> tuple[Path, ...]:
    requests = Requests(build.settings.root, say=lambda _: None)
    return build_remotely(build, requests, Console(file=io.StringIO()), number=number, suite_python=None)


def started(build: RemoteBuild, github: WorkflowRepository) -> int:
    return start_run(build, Requests(build.settings.root, start=stand_in(github)))


def test_the_run_is_the_one_that_was_started_and_not_the_newest(
    settings: ReleaseSettings, github: WorkflowRepository
) -> None:
    number = started(wanted(settings), github)
    assert github.inputs == [{"platform": "darwin-arm64", "version": "dev"}]
    assert number < max(github.runs)


def test_all_platforms_are_one_run(settings: ReleaseSettings, github: WorkflowRepository) -> None:
    started(wanted(settings, *(platform.name for platform in PLATFORMS), label="v1.2.3"), github)
    assert github.inputs == [{"platform": "all", "version": "v1.2.3"}]


@pytest.mark.parametrize(
    ("branch", "commit", "workflows", "what"),
    [
        ("main", COMMIT, {WORKFLOW}, "GitHub has no branch 'topic/faster'"),
        (BRANCH, "f" * 40, {WORKFLOW}, f"the branch 'topic/faster' is at fffffff on GitHub and at {COMMIT[:7]} here"),
        (BRANCH, COMMIT, set(), "GitHub has no workflow build-tiny-binaries.yml that can be started by hand"),
    ],
)
def test_what_github_cannot_build_is_refused_before_anything_is_started(
    settings: ReleaseSettings, branch: str, commit: str, workflows: set[str], what: str
) -> None:
    github = WorkflowRepository(branch, commit)
    github.workflows = workflows
    with pytest.raises(RequestError) as caught:
        started(wanted(settings), github)
    assert caught.value.problems[0].what == what
    assert github.runs == {}


def test_a_run_that_is_not_there_is_told(settings: ReleaseSettings, github: WorkflowRepository) -> None:
    with pytest.raises(RemoteRunError, match="run 7 on GitHub: GitHub has no such run"):
        read_run(Requests(settings.root, start=stand_in(github)), 7)


@needs_gh
@pytest.mark.programs
@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize(
    ("commit", "workflow", "why"),
    [
        ("f" * 40, WORKFLOW, f"builds commit fffffff, and {COMMIT[:7]} is checked out here"),
        (COMMIT, "lint.yml", "is a run of lint.yml, not of build-tiny-binaries.yml"),
    ],
)
def test_a_run_of_something_else_is_not_taken(
    settings: ReleaseSettings, gh: WorkflowRepository, commit: str, workflow: str, why: str
) -> None:
    number = gh.add_run(commit, workflow)
    with pytest.raises(RemoteRunError) as caught:
        remotely(wanted(settings), number=number)
    assert caught.value.what == f"run {number} on GitHub: {why}"
    assert not settings.dist_folder.exists()


@needs_gh
@pytest.mark.programs
def test_what_github_built_comes_back_verified_with_its_exact_version(
    settings: ReleaseSettings, gh: WorkflowRepository, verified: list[tuple[str, str]], tmp_path: Path
) -> None:
    files = {name: artifact(tmp_path / name, name) for name in ("darwin-arm64", "windows-amd64")}
    gh.artifacts = {f"tiny-{name}": zipped(paths) for name, paths in files.items()}
    placed = remotely(wanted(settings, *files))
    expected = [f"1.2.3+dev.g{COMMIT[:7]}"] * 2
    assert [exact for _, exact in verified] == expected
    assert placed == tuple(settings.dist_folder / paths[0].name for paths in files.values())
    for paths in files.values():
        for path in paths:
            assert (settings.dist_folder / path.name).read_bytes() == path.read_bytes()


@needs_gh
@pytest.mark.programs
def test_a_run_that_still_goes_on_is_followed_to_its_end(
    settings: ReleaseSettings, gh: WorkflowRepository, verified: list[tuple[str, str]], tmp_path: Path
) -> None:
    gh.steps = [("queued", None), ("in_progress", None), ("completed", "success")]
    gh.artifacts = {"tiny-darwin-arm64": zipped(artifact(tmp_path / "a", "darwin-arm64"))}
    remotely(wanted(settings))
    assert len(verified) == 1


@needs_gh
@pytest.mark.programs
def test_a_run_that_is_there_already_is_taken_up_instead_of_started(
    settings: ReleaseSettings, gh: WorkflowRepository, verified: list[tuple[str, str]], tmp_path: Path
) -> None:
    gh.steps = [("completed", "success")]
    gh.artifacts = {"tiny-darwin-arm64": zipped(artifact(tmp_path / "a", "darwin-arm64"))}
    remotely(wanted(settings), number=gh.add_run(COMMIT))
    assert gh.inputs == []
    assert len(verified) == 1


@needs_gh
@pytest.mark.programs
@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out"])
def test_a_run_that_did_not_succeed_brings_nothing(
    settings: ReleaseSettings, gh: WorkflowRepository, conclusion: str, tmp_path: Path
) -> None:
    gh.steps = [("queued", None), ("completed", conclusion)]
    gh.artifacts = {"tiny-darwin-arm64": zipped(artifact(tmp_path / "a", "darwin-arm64"))}
    with pytest.raises(RemoteBuildFailedError, match="dist/ is as it was"):
        remotely(wanted(settings))
    assert not settings.dist_folder.exists()


@needs_gh
@pytest.mark.programs
@pytest.mark.usefixtures("verified")
def test_when_gh_loses_the_run_the_next_step_is_to_take_it_up(
    settings: ReleaseSettings, gh: WorkflowRepository
) -> None:
    gh.steps = [("in_progress", None)]
    gh.faults = [Fault(kind="status", request=r"GET .*/jobs", status=500, times=9)]
    with pytest.raises(RemoteRunError, match="it goes on") as caught:
        remotely(wanted(settings))
    assert caught.value.hint == f"take it up again by adding `--run {min(gh.runs)}` to the same command"


@needs_gh
@pytest.mark.programs
@pytest.mark.usefixtures("verified")
def test_a_download_that_breaks_can_be_taken_up(settings: ReleaseSettings, gh: WorkflowRepository) -> None:
    gh.steps = [("completed", "success")]
    with pytest.raises(CommandFailedError) as caught:
        remotely(wanted(settings))
    assert caught.value.hint == f"take it up again by adding `--run {min(gh.runs)}` to the same command"
    assert not settings.dist_folder.exists()


@needs_gh
@pytest.mark.programs
@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("label", ["v1.2.3", "dev"])
def test_an_artifact_without_the_archive_or_its_checksum_is_refused(
    settings: ReleaseSettings, gh: WorkflowRepository, tmp_path: Path, label: str
) -> None:
    gh.steps = [("completed", "success")]
    archive, checksum = artifact(tmp_path / "a", "darwin-arm64", label)
    gh.artifacts = {"tiny-darwin-arm64": zipped([archive] if label == "dev" else [archive, checksum])}
    with pytest.raises(WrongArtifactError, match=r"lacks tiny-dev-darwin-arm64\.tar\.gz"):
        remotely(wanted(settings))
    assert not settings.dist_folder.exists()


@needs_gh
@pytest.mark.programs
def test_an_archive_that_does_not_pass_leaves_dist_as_it_was(
    settings: ReleaseSettings, gh: WorkflowRepository, tmp_path: Path
) -> None:
    gh.steps = [("completed", "success")]
    gh.artifacts = {"tiny-darwin-arm64": zipped(artifact(tmp_path / "a", "darwin-arm64"))}
    last_good = settings.dist_folder / "tiny-dev-darwin-arm64.tar.gz"
    settings.dist_folder.mkdir()
    last_good.write_bytes(b"the last good one")
    with pytest.raises(RefusedDownloadsError):
        remotely(wanted(settings))
    assert last_good.read_bytes() == b"the last good one"
    assert not checksum_path(last_good).exists()


def test_the_version_is_that_of_the_commit_whatever_was_edited_since(settings: ReleaseSettings) -> None:
    build = wanted(settings)
    assert build.version.exact == f"1.2.3+dev.g{COMMIT[:7]}"
    assert dataclasses.replace(build, label="v1.2.3").version.exact == "1.2.3"
