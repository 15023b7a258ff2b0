"""Runs the project's release workflow with the real `act`, on this machine and without a container.

Around it are small stand-ins: GitHub's actions (`stand_ins.py`), its API (the fake server of the release tests, reached
by the real `gh`), and the builds (`stand_in_build.py`). The workflow, the action, git, `github_jobs`, `invoke publish`
and everything that they do are the project's own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from release_tools.archives import sha256_of
from release_tools.platforms import PLATFORMS
from release_tools.releasing.publish.release_files import expected_files
from release_tools.settings import ReleaseSettings
from release_tools.versions import build_workflow_name, release_tag
from tests.release_tools.releasing.fake_github import OWNER_AND_NAME, TOKEN, UNDESCRIBED, FakeRepository, serve

REPOSITORY: Final = Path(__file__).parents[2]
SETTINGS: Final = ReleaseSettings.load(REPOSITORY)
WORKFLOW: Final = Path(".github") / "workflows" / build_workflow_name(SETTINGS.executable)
ACTION: Final = Path(".github") / "actions" / "build-binary" / "action.yml"
TAG: Final = release_tag(SETTINGS.executable, SETTINGS.project_version)
RELEASE: Final = frozenset(expected_files(SETTINGS.executable, SETTINGS.project_version))
ARCHIVES: Final = frozenset(name for name in RELEASE if not name.endswith(".sha256"))
SIDE_BRANCH: Final = "side"

_HERE: Final = Path(__file__).parent
# What a runner of GitHub has and the jobs use; uv, Nox and Invoke come with their steps.
_RUNNER_PROGRAMS: Final = ("bash", "sh", "env", "git", "gh", "cat", "dirname", "grep", "sort", "uname")
# The library's tests and the apps that they build aren't part of a release.
_LEFT_OUT: Final = ("tests/release_tools/", "tests/integration/", "tests/agent_runner/unit/")
_USES: Final = re.compile(r"uses: (?P<name>(?P<owner>[\w-]+)/(?P<action>[\w-]+)@[0-9a-f]{40})")
# Settings of the user, or of the run that this one is part of.
_DROPPED_VARIABLES: Final = ("AWS_", "GH_", "GITHUB_", "MIRROR_", "PYTEST_", "TAG")
_RUN_TIMEOUT_SECONDS: Final = 1800


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What starts a run: the push of a tag or a branch, or a dispatch with inputs.

    `attempts` says for each attempt which platform's build goes wrong, "" for none: a second one is a re-run, which
    finds the artifacts and the release of the first. A build that goes wrong fails its verification, or is `empty`:
    it ends without an archive.
    """

    name: str
    event: Literal["push", "workflow_dispatch"] = "push"
    tag: str = ""
    branch: str = "main"
    inputs: Mapping[str, str] = field(default_factory=dict)
    attempts: Sequence[str] = ("",)
    variables: Mapping[str, str] = field(default_factory=dict)
    is_empty: bool = False
    is_private: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run left. `jobs` maps jobs to their results and lacks those that were skipped.

    `sections` are the headings of the release notes. `is_consistent` says whether the assets and the attested files
    are what was built, and were attested between the upload and the publication. `strangers` are files that a hostile
    name made a shell write.
    """

    jobs: Mapping[str, str]
    artifacts: frozenset[str] = frozenset()
    # Where a job put the files of artifacts.
    downloaded: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()
    attested: frozenset[str] = frozenset()
    # What the job that copies the release to a mirror was started with.
    mirrored: frozenset[str] = frozenset()
    sections: tuple[str, ...] = ()
    drafts: int = 0
    is_consistent: bool = True
    strangers: frozenset[str] = frozenset()
    log: str = field(default="", compare=False, repr=False)

    def differences(self, other: "Outcome") -> list[str]:
        """What the other outcome has instead of this one's."""
        lines = [
            f"{name} {other.jobs.get(name, 'skipped')}"
            for name in sorted({*self.jobs, *other.jobs})
            if self.jobs.get(name) != other.jobs.get(name)
        ]
        compared = [each.name for each in fields(self) if each.compare and each.name != "jobs"]
        return lines + [f"other {name}" for name in compared if getattr(self, name) != getattr(other, name)]


class Project:
    """A clone of this repository's working tree, with a bare remote, whose builds are stand-ins."""

    def __init__(self, folder: Path, *, is_quick: bool = True, real_platform: str = "") -> None:
        self.folder = folder
        self.clone = folder / "clone"
        self._remote = folder / "remote.git"
        self._is_quick = is_quick
        self._real_platform = real_platform
        self._runs = 0
        self._create()

    def _create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        listed = _output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], REPOSITORY)
        left_out = () if self._real_platform else _LEFT_OUT
        for name in listed.split("\0"):
            if name and (REPOSITORY / name).is_file() and not name.startswith(left_out):
                (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, self.clone / name)
        with (self.clone / "noxfile.py").open("a", encoding="utf-8") as noxfile:
            noxfile.write("\nfrom tests.workflow.stand_in_build import replace_builds\n\nreplace_builds()\n")
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message=feat: release")
        self._git("commit", "--quiet", "--allow-empty", "--message=fix: release again")
        _output(["git", "clone", "--quiet", "--bare", str(self.clone), str(self._remote)], self.folder)
        self._git("remote", "add", "origin", str(self._remote))
        programs = self.folder / "runner"
        programs.mkdir()
        for name in _RUNNER_PROGRAMS:
            found = shutil.which(name, path=os.pathsep.join([str(_scripts()), os.environ["PATH"]]))
            if found:
                (programs / name).symlink_to(found)
        if not self._is_quick:
            # The workflow wants uv's own Python, which a machine without GitHub can't download. This is the tests' one.
            uv = self.folder / "programs" / "uv"
            uv.parent.mkdir()
            own = f"unset UV_PYTHON_PREFERENCE\nPATH=$PATH:{sys.base_prefix}/bin"
            uv.write_text(f'#!/bin/sh\n{own} exec {_scripts() / "uv"} "$@"\n', encoding="utf-8")
            uv.chmod(0o755)

    def run(self, scenario: Scenario, changes: Mapping[Path, str] | None = None) -> Outcome:
        """Run the scenario, with these files of the project changed."""
        self._runs += 1
        folder = self.folder / f"run-{self._runs}"
        folder.mkdir()
        (folder / "remote.txt").write_text(str(self._remote), encoding="utf-8")
        commit = self._commit(scenario, changes or {})
        repository = FakeRepository({scenario.tag: commit} if scenario.tag else {})
        repository.is_private = scenario.is_private
        repository.side_commits |= {commit} if scenario.branch == SIDE_BRANCH else set()
        UNDESCRIBED.clear()
        with serve(repository) as configuration:
            for attempt, broken_platform in enumerate(scenario.attempts, start=1):
                environment = self._environment(scenario, folder, configuration, broken_platform)
                log = self._act(scenario, folder, environment, attempt)
        assert not UNDESCRIBED
        outcome = self._outcome(folder, repository, log)
        shutil.rmtree(folder / "act")
        return outcome

    def _commit(self, scenario: Scenario, changes: Mapping[Path, str]) -> str:
        """Commit and push what the run is for, and return its commit."""
        self._git("checkout", "--quiet", "--force", "--detach", "main")
        for path in (WORKFLOW, ACTION):
            text = changes.get(path) or (self.clone / path).read_text(encoding="utf-8")
            # act doesn't know GitHub's newer syntax for an action of the same commit.
            (self.clone / path).write_text(text.replace("uses: $/", "uses: ./"), encoding="utf-8")
        self._git("commit", "--quiet", "--all", "--allow-empty", f"--message=fix: {scenario.name}")
        heads = {"HEAD": f"refs/heads/{scenario.branch}"}
        heads |= {"main": "refs/heads/main"} if scenario.branch != "main" else {}
        refs = [f"{commit}:{name}" for commit, name in heads.items()]
        refs += [f"HEAD:refs/tags/{scenario.tag}"] if scenario.tag else []
        self._git("push", "--quiet", "--force", "origin", *refs)
        return self._git("rev-parse", "HEAD").strip()

    def _act(self, scenario: Scenario, folder: Path, environment: Mapping[str, str], attempt: int) -> str:
        """Start act; returns its log, one JSON object a line."""
        ref = f"refs/tags/{scenario.tag}" if scenario.tag else f"refs/heads/{scenario.branch}"
        event: dict[str, Any] = {
            "ref": ref,
            "repository": {
                "full_name": OWNER_AND_NAME,
                "name": "tiny",
                "owner": {"login": "owner"},
                "private": scenario.is_private,
                "default_branch": "main",
            },
        }
        if scenario.event == "workflow_dispatch":
            event["inputs"] = {"version": "dev", "platform": "all", **scenario.inputs}
        (folder / "event.json").write_text(json.dumps(event), encoding="utf-8")
        args = [str(_scripts() / "act"), scenario.event, "--json", "--workflows", str(WORKFLOW)]
        args += ["--eventpath", str(folder / "event.json"), "--action-cache-path", str(folder / "act")]
        args += ["--no-skip-checkout", "--no-cache-server", "--action-offline-mode", "--concurrent-jobs", "2"]
        args += ["--secret", f"GITHUB_TOKEN={TOKEN}"]
        for name in ("MIRROR_ACCESS_KEY_ID", "MIRROR_SECRET_ACCESS_KEY"):
            args += ["--secret", f"{name}=secret-{name.lower()}"]
        for name, value in scenario.variables.items():
            args += ["--var", f"{name}={value}"]
        args += ["--env", "GITHUB_RUN_ID=42", "--env", f"GITHUB_RUN_ATTEMPT={attempt}"]
        args += ["--env", f"GITHUB_REPOSITORY={OWNER_AND_NAME}"]
        for runner in sorted({platform.runner for platform in PLATFORMS}):
            args += ["--platform", f"{runner}=-self-hosted"]
        for name, action in self._actions():
            args += ["--local-repository", f"{name}={_HERE / 'actions' / action}"]
        log = folder / f"log-{attempt}.jsonl"
        with log.open("w", encoding="utf-8") as output:
            subprocess.run(
                args,
                cwd=self.clone,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=_RUN_TIMEOUT_SECONDS,
            )
        return log.read_text(encoding="utf-8")

    def _actions(self) -> set[tuple[str, str]]:
        """The actions of GitHub that the workflow uses, with the names of their stand-ins."""
        texts = [(self.clone / path).read_text(encoding="utf-8") for path in (WORKFLOW, ACTION)]
        return {(found["name"], found["action"]) for text in texts for found in _USES.finditer(text)}

    def _environment(
        self, scenario: Scenario, folder: Path, configuration: Path, broken_platform: str
    ) -> dict[str, str]:
        home = folder / "home"
        home.mkdir(exist_ok=True)
        programs = str(self.folder / "runner")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED_VARIABLES)}
        return {
            **kept,
            "PATH": os.pathsep.join([programs, os.environ["PATH"]]) if self._real_platform else programs,
            "HOME": str(home),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "GH_CONFIG_DIR": str(configuration),
            "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "STAND_IN_PYTHON": sys.executable,
            "STAND_INS": str(_HERE / "stand_ins.py"),
            "STAND_IN_FOLDER": str(folder),
            "STAND_IN_PROGRAMS": str(_HERE / "programs" if self._is_quick else self.folder / "programs"),
            "BROKEN_PLATFORM": broken_platform,
            "BROKEN_MODE": "empty" if scenario.is_empty else "",
            "REAL_PLATFORM": self._real_platform,
        }

    def _outcome(self, folder: Path, repository: FakeRepository, log: str) -> Outcome:
        artifacts, path = folder / "artifacts", folder / "attested.json"
        files = [file for file in artifacts.rglob("*") if file.is_file()]
        attestation = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        attested = attestation.get("digests", {})
        assets = [asset for release in repository.published for asset in release["assets"]]
        released = {asset["name"]: asset["digest"].removeprefix("sha256:") for asset in assets}
        built = {file.name: sha256_of(file) for file in files}
        notes = "".join(release["body"] for release in repository.published)
        return Outcome(
            jobs=_job_results(log),
            artifacts=frozenset(file.relative_to(artifacts).as_posix() for file in files),
            released=frozenset(released),
            attested=frozenset(attested),
            downloaded=_lines(folder / "downloaded.txt"),
            mirrored=_lines(folder / "mirrored.txt"),
            sections=tuple(re.findall("^#{2,3} (.+)$", notes, re.MULTILINE)),
            drafts=len(repository.drafts),
            is_consistent={**released, **attested}.items() <= built.items() and attestation.get("is_first", True),
            strangers=frozenset(found.name for found in folder.rglob("hostile*")),
            log=readable(log),
        )

    def _git(self, *args: str) -> str:
        return _output(["git", "-c", "user.name=Tester", "-c", "user.email=tester@example.org", *args], self.clone)


def _lines(path: Path) -> frozenset[str]:
    return frozenset(path.read_text(encoding="utf-8").splitlines() if path.is_file() else ())


def readable(log: str) -> str:
    """The lines of the jobs, with their job."""
    lines = []
    for line in log.splitlines():
        entry = _entry(line)
        lines.append(f"{entry.get('jobID', '')}: {str(entry.get('msg', line)).rstrip()}" if entry else line)
    return "\n".join(lines)


def _job_results(log: str) -> dict[str, str]:
    entries = [_entry(line) for line in log.splitlines()]
    return {str(entry["jobID"]): str(entry["jobResult"]) for entry in entries if "jobResult" in entry}


def _entry(line: str) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _scripts() -> Path:
    return Path(sys.executable).parent


def _output(args: Sequence[str], folder: Path) -> str:
    return subprocess.run(args, cwd=folder, check=True, capture_output=True, encoding="utf-8").stdout
