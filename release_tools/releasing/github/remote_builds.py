"""Builds on GitHub: starts the workflow run, follows it, and downloads, verifies and places its archives.

The run is the one that GitHub names when it starts, never just the newest of the list.
"""

import shutil
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from rich.console import Console

from release_tools.archives import checksum_path, place_archive
from release_tools.errors import Problem, RequestError
from release_tools.platforms import Platform, host_platform
from release_tools.processes.run import capture
from release_tools.releasing.errors import RemoteBuildFailedError, WorkflowRunError, WrongArtifactError
from release_tools.releasing.github.api import GitHubApi
from release_tools.releasing.github.runs import WorkflowRun, follow_run, read_run
from release_tools.reporting.output import print_plain
from release_tools.repository import Commit
from release_tools.settings import ReleaseSettings
from release_tools.verification.downloaded import verify_downloads
from release_tools.versions import BuildVersion, archive_name, artifact_name, build_workflow_name, resolve_version


@dataclass(frozen=True, kw_only=True)
class RemoteBuild:
    """A build on GitHub of these platforms, from a branch that must be at `commit` there too."""

    settings: ReleaseSettings
    platforms: tuple[Platform, ...]
    label: str
    commit: Commit
    branch: str

    @property
    def workflow(self) -> str:
        """The file name of the build workflow."""
        return build_workflow_name(self.settings.executable)

    @property
    def version(self) -> BuildVersion:
        """The version that a clean checkout of the commit builds."""
        clean = Commit(sha=self.commit.sha, time=self.commit.time, is_dirty=False)
        return resolve_version(self.label, self.settings.project_version, clean)


def build_remotely(
    build: RemoteBuild, api: GitHubApi, console: Console, *, run_id: int | None, suite_python: Path | None
) -> tuple[Path, ...]:
    """Start a run, or resume run `run_id`, and return its archives, verified and in `dist/`.

    `dist/` changes only after every archive has passed. Raises `RequestError` when GitHub can't build this commit,
    `RemoteBuildFailedError`, `WorkflowRunError` or `WrongArtifactError` when the run gives no usable archives, and
    `RefusedDownloadsError`.
    """
    root = build.settings.root
    if run_id is None:
        run_id = start_run(build, api)
    found = read_run(api, run_id)
    print_plain(console, f"workflow run {run_id}: {found.url}")
    _refuse_other_run(build, found)
    ended = follow_run(api, found, root, _resume_hint(run_id))
    if not ended.is_successful:
        raise RemoteBuildFailedError(run_id, found.url, ended.conclusion)
    folder = build.settings.build_folder(host_platform().name) / "remote"
    shutil.rmtree(folder, ignore_errors=True)
    archives = [_download(build, api, platform, run_id, folder / platform.name) for platform in build.platforms]
    verify_downloads(build.settings, archives, suite_python=suite_python, console=console, exact=build.version)
    return tuple(place_archive(archive, build.settings.dist_folder) for archive in archives)


def start_run(build: RemoteBuild, api: GitHubApi) -> int:
    """Start the workflow for the branch; returns the run's ID.

    Raises `RequestError` when the branch on GitHub isn't at our commit, or GitHub has no such workflow.
    """
    _refuse_unpushed(build, api)
    # https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event; GitHub returns the ID since
    # https://github.blog/changelog/2026-02-19-workflow-dispatch-api-now-returns-run-ids
    fields = {
        "ref": build.branch,
        "inputs": {
            "platform": build.platforms[0].name if len(build.platforms) == 1 else "all",
            "version": build.label,
        },
        "return_run_details": True,
    }
    response = api.send("POST", f"actions/workflows/{build.workflow}/dispatches", fields=fields)
    if response.status == HTTPStatus.NOT_FOUND:
        raise _refusal(
            f"GitHub has no workflow {build.workflow} with a workflow_dispatch trigger",
            f"push .github/workflows/{build.workflow} to the default branch. {response.refusal('start it').hint}",
        )
    return int(response.expect(f"start {build.workflow}", HTTPStatus.OK).content["workflow_run_id"])


def _refuse_unpushed(build: RemoteBuild, api: GitHubApi) -> None:
    response = api.send("GET", f"git/ref/heads/{build.branch}")
    if response.status == HTTPStatus.NOT_FOUND:
        raise _refusal(f"GitHub has no branch {build.branch!r}", f"push it: git push origin {build.branch}")
    remote = str(response.expect(f"show the branch {build.branch!r}", HTTPStatus.OK).content["object"]["sha"])
    if remote != build.commit.sha:
        raise _refusal(
            f"the branch {build.branch!r} is at {remote[:7]} on GitHub and at {build.commit.sha[:7]} here",
            "git push or git pull, so that both are at the same commit",
        )


def _refuse_other_run(build: RemoteBuild, found: WorkflowRun) -> None:
    if found.workflow != build.workflow:
        reason = f"it belongs to {found.workflow}, not to {build.workflow}"
        raise WorkflowRunError(found.id, reason, "pass the ID of one of its runs to `--run`")
    if found.commit != build.commit.sha:
        reason = f"it builds commit {found.commit[:7]}, but {build.commit.sha[:7]} is checked out"
        raise WorkflowRunError(found.id, reason, f"git checkout {found.commit[:7]}")


def _download(build: RemoteBuild, api: GitHubApi, platform: Platform, run_id: int, folder: Path) -> Path:
    """Download a platform's archive and checksum from the run's artifacts; returns the archive."""
    name = artifact_name(build.settings.executable, platform)
    args = ["gh", "run", "download", str(run_id), "--name", name, "--dir", str(folder)]
    capture(args, cwd=build.settings.root, env=api.repository_environment, hint=_resume_hint(run_id))
    archive = folder / archive_name(build.settings.executable, build.version, platform)
    missing = [path.name for path in (archive, checksum_path(archive)) if not path.is_file() or path.is_symlink()]
    if missing:
        raise WrongArtifactError(name, run_id, missing)
    return archive


def _resume_hint(run_id: int) -> str:
    return f"add `--run {run_id}` to the same command to resume"


def _refusal(what: str, hint: str) -> RequestError:
    return RequestError("build on GitHub", [Problem(what=what, hint=hint)])
