"""Has GitHub build what this machine cannot, and brings it back: started, followed, downloaded, verified, placed.

The run is the one that GitHub names in its answer to the start, never just the newest of the list.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from release_tools.archives import checksum_path, place_archive
from release_tools.errors import Problem, ProgramEndedError, RequestError
from release_tools.platforms import Platform, host_platform
from release_tools.processes.run import capture, run
from release_tools.releasing.errors import RemoteBuildFailedError, RemoteRunError, WrongArtifactError
from release_tools.releasing.github.requests import Requests, check
from release_tools.repository import Commit
from release_tools.settings import ReleaseSettings
from release_tools.verification.downloaded import verify_downloads
from release_tools.versions import BuildVersion, archive_name, resolve_version

REPOSITORY: Final = "repos/{owner}/{repo}"
_OK: Final = [HTTPStatus.OK]


@dataclass(frozen=True, kw_only=True)
class RemoteBuild:
    """What GitHub is asked for: archives of these platforms, from a branch that stands at `commit` there too."""

    settings: ReleaseSettings
    platforms: tuple[Platform, ...]
    label: str
    commit: Commit
    branch: str

    @property
    def workflow(self) -> str:
        """The file name of the workflow that builds, in `.github/workflows/`."""
        return f"build-{self.settings.executable}-binaries.yml"

    @property
    def version(self) -> BuildVersion:
        """What a clean checkout of the commit gives, whatever was edited here since."""
        clean = Commit(sha=self.commit.sha, time=self.commit.time, is_dirty=False)
        return resolve_version(self.label, self.settings.project_version, clean)


@dataclass(frozen=True, kw_only=True)
class RemoteRun:
    """One run of a workflow, as GitHub showed it last. `workflow` is the file's name, `address` the run's page."""

    number: int
    address: str
    commit: str
    workflow: str
    is_finished: bool
    is_successful: bool


def build_remotely(
    build: RemoteBuild, requests: Requests, console: Console, *, number: int | None, suite_python: Path | None
) -> tuple[Path, ...]:
    """Start a run, or take up run `number`; wait for its end; return the archives, verified and in `dist/`.

    `dist/` changes only after every archive has passed. Raises `RequestError` when GitHub could not build this commit,
    `RemoteBuildFailedError`, `RemoteRunError` or `WrongArtifactError` for what becomes of the run,
    `RefusedDownloadsError`, and the errors of the requests.
    """
    root = build.settings.root
    if number is None:
        number = start_run(build, requests)
    found = read_run(requests, number)
    console.print(f"run {number}: {found.address}", markup=False, highlight=False, soft_wrap=True)
    _refuse_another_build(build, found)
    if not found.is_finished:
        found = follow_run(requests, found, root)
    if not found.is_finished:
        raise RemoteRunError(number, "gh could not follow it to its end; it goes on", _again(number))
    if not found.is_successful:
        raise RemoteBuildFailedError(number, found.address)
    folder = build.settings.build_folder(host_platform().name) / "remote"
    shutil.rmtree(folder, ignore_errors=True)
    archives = [_downloaded(build, platform, number, folder / platform.name) for platform in build.platforms]
    verify_downloads(build.settings, archives, suite_python=suite_python, console=console, exact=build.version)
    return tuple(place_archive(archive, build.settings.dist_folder) for archive in archives)


def start_run(build: RemoteBuild, requests: Requests) -> int:
    """Start the workflow for the branch; returns the number of the run.

    Raises `RequestError` when the branch on GitHub is not at our commit, or GitHub has no such workflow.
    """
    _refuse_unpushed(build, requests)
    wanted = build.platforms[0].name if len(build.platforms) == 1 else "all"
    # https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event; GitHub names the run since
    # https://github.blog/changelog/2026-02-19-workflow-dispatch-api-now-returns-run-ids
    fields = {
        "ref": build.branch,
        "inputs": {"platform": wanted, "version": build.label},
        "return_run_details": True,
    }
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body.json"
        body.write_text(json.dumps(fields), encoding="utf-8")
        reply = requests.send("POST", f"{REPOSITORY}/actions/workflows/{build.workflow}/dispatches", body=body)
    if reply.status == HTTPStatus.NOT_FOUND:
        raise _refused(
            f"GitHub has no workflow {build.workflow} that can be started by hand",
            f"push .github/workflows/{build.workflow} to the default branch; the token needs `actions: write`",
        )
    return int(content_of(check(reply, f"start {build.workflow}", _OK).text)["workflow_run_id"])


def read_run(requests: Requests, number: int) -> RemoteRun:
    """The run as it is now. Raises `RemoteRunError` when there is none of this number."""
    reply = requests.send("GET", f"{REPOSITORY}/actions/runs/{number}")
    if reply.status == HTTPStatus.NOT_FOUND:
        raise RemoteRunError(number, "GitHub has no such run", "`gh run list` shows the runs there are")
    # https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run
    return run_in(content_of(check(reply, f"show run {number}", _OK).text))


def run_in(content: Mapping[str, Any]) -> RemoteRun:
    """The run that a part of GitHub's answer tells of."""
    return RemoteRun(
        number=int(content["id"]),
        address=str(content["html_url"]),
        commit=str(content["head_sha"]),
        workflow=str(content["path"]).partition("@")[0].rpartition("/")[2],
        is_finished=content["status"] == "completed",
        is_successful=content["conclusion"] == "success",
    )


def _refuse_unpushed(build: RemoteBuild, requests: Requests) -> None:
    reply = requests.send("GET", f"{REPOSITORY}/git/ref/heads/{build.branch}")
    if reply.status == HTTPStatus.NOT_FOUND:
        raise _refused(f"GitHub has no branch {build.branch!r}", f"push it: git push origin {build.branch}")
    there = str(content_of(check(reply, f"show the branch {build.branch!r}", _OK).text)["object"]["sha"])
    if there != build.commit.sha:
        raise _refused(
            f"the branch {build.branch!r} is at {there[:7]} on GitHub and at {build.commit.sha[:7]} here",
            "push or pull first, so that both are the same commit",
        )


def _refuse_another_build(build: RemoteBuild, found: RemoteRun) -> None:
    if found.workflow != build.workflow:
        raise RemoteRunError(
            found.number, f"is a run of {found.workflow}, not of {build.workflow}", "name a run of that workflow"
        )
    if found.commit != build.commit.sha:
        raise RemoteRunError(
            found.number,
            f"builds commit {found.commit[:7]}, and {build.commit.sha[:7]} is checked out here",
            f"check out the commit that it builds: git checkout {found.commit[:7]}",
        )


def follow_run(requests: Requests, found: RemoteRun, root: Path) -> RemoteRun:
    """Show the run on the terminal until it ends, or until gh gives up; returns it as it is then."""
    try:
        run(["gh", "run", "watch", "--exit-status", str(found.number)], cwd=root)
    except ProgramEndedError:
        # gh ends in the same way when the run fails and when the network does; the run itself tells which.
        return read_run(requests, found.number)
    return read_run(requests, found.number)


def _downloaded(build: RemoteBuild, platform: Platform, number: int, folder: Path) -> Path:
    """The archive of one platform out of the run's artifacts, with its checksum beside it."""
    name = f"{build.settings.executable}-{platform.name}"
    args = ["gh", "run", "download", str(number), "--name", name, "--dir", str(folder)]
    capture(args, cwd=build.settings.root, hint=_again(number))
    archive = folder / archive_name(build.settings.executable, build.version, platform)
    missing = [path.name for path in (archive, checksum_path(archive)) if not path.is_file() or path.is_symlink()]
    if missing:
        raise WrongArtifactError(name, number, missing)
    return archive


def _again(number: int) -> str:
    return f"take it up again by adding `--run {number}` to the same command"


def _refused(what: str, hint: str) -> RequestError:
    return RequestError("have GitHub build", [Problem(what=what, hint=hint)])


def content_of(text: str) -> Mapping[str, Any]:
    """The object that GitHub answered with."""
    content: Mapping[str, Any] = json.loads(text)
    return content
