"""Whether the workflows on GitHub say the same as the platform table, the Nox sessions and the lock.

YAML cannot read Python, so it carries copies; this finds each copy that has drifted. A test and `invoke check` ask.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from release_tools.errors import Problem
from release_tools.lockfile import LockFile
from release_tools.platforms import PLATFORMS, Platform, find_platform
from release_tools.settings import ReleaseSettings

FOLDER: Final = Path(".github") / "workflows"
RELEASE_JOB: Final = "create-release"
VERSION_JOB: Final = "version"
RECORD_ARTIFACT: Final = "build-record"

# Where GitHub has no arm64 runners, this platform is built on the other one under emulation.
_EMULATED: Final = ("linux-arm64", "linux-amd64")
_SETUP_UV: Final = "astral-sh/setup-uv@"
_PLATFORM_HINT: Final = "release_tools/platforms.py and the workflow have to say the same: change the one that is wrong"
_SESSION_HINT: Final = "`nox --list` shows the sessions there are: change the name, or add the session"
_UV_HINT: Final = "write the locked version into the workflow"


def build_workflow_path(settings: ReleaseSettings) -> Path:
    return settings.root / FOLDER / f"build-{settings.executable}-binaries.yml"


def artifact_name(settings: ReleaseSettings, platform: Platform) -> str:
    """The artifact of a run that holds the archive of a platform and its checksum."""
    return f"{settings.executable}-{platform.name}"


def workflow_problems(settings: ReleaseSettings, lock: LockFile, sessions: Collection[str]) -> list[Problem]:
    """Everything in the workflows that differs; `sessions` are the names in `nox --list --json`."""
    path = build_workflow_path(settings)
    if not path.is_file():
        return [Problem(what=f"there is no workflow {path.name}", hint=f"put it into {FOLDER.as_posix()}")]
    workflow = _read(path)
    jobs = _jobs(workflow)
    found = [
        *_job_names(jobs),
        *(line for platform in PLATFORMS for line in _build_job(settings, platform, jobs)),
        *_release_job(jobs),
        *_platform_input(workflow),
    ]
    problems = [Problem(what=f"{path.name}: {line}", hint=_PLATFORM_HINT) for line in found]
    for other in sorted(path.parent.glob("*.yml")):
        content = _read(other)
        problems += [
            *(
                Problem(what=f"{other.name}: {line}", hint=_SESSION_HINT)
                for line in _unknown_sessions(content, sessions)
            ),
            *(Problem(what=f"{other.name}: {line}", hint=_UV_HINT) for line in _other_uv(content, lock)),
        ]
    return problems


def _read(path: Path) -> Mapping[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def _jobs(workflow: Mapping[Any, Any]) -> Mapping[str, Mapping[str, Any]]:
    jobs = workflow.get("jobs", {})
    return jobs if isinstance(jobs, dict) else {}


def _steps(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(job.get("steps", []))


def _job_names(jobs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    wanted = {_session(platform) for platform in PLATFORMS}
    present = {name for name in jobs if name.startswith("build")}
    for name in sorted(wanted - present):
        yield f"there is no job {name}"
    for name in sorted(present - wanted):
        yield f"the job {name} is for no platform of the table"


def _build_job(settings: ReleaseSettings, platform: Platform, jobs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    session = _session(platform)
    job = jobs.get(session)
    if job is None:
        return
    labels = _runner_labels(str(job.get("runs-on", "")))
    if labels != _expected_labels(platform):
        expected = " or ".join(sorted(_expected_labels(platform)))
        yield f"the job {session} runs on {' or '.join(sorted(labels))}, and the table says {expected}"
    commands = [str(step["run"]) for step in _steps(job) if "run" in step]
    if [command for command in commands if "nox -s" in command] != [f'nox -s {session} -- --version "$VERSION"']:
        yield f"the job {session} does not run exactly its own session with the run's version"
    if f"inputs.platform == '{platform.name}'" not in str(job.get("if", "")):
        yield f"the job {session} is not chosen by its platform's name"
    uploads = {
        str(step.get("with", {}).get("name")): str(step.get("with", {}).get("path"))
        for step in _steps(job)
        if str(step.get("uses", "")).startswith("actions/upload-artifact@")
    }
    expected_uploads = {
        artifact_name(settings, platform): "dist/",
        f"{RECORD_ARTIFACT}-{platform.name}": f"build/{platform.name}/record.json",
    }
    if uploads != expected_uploads:
        yield f"the job {session} uploads {_listed(uploads)}, not {_listed(expected_uploads)}"


def _runner_labels(runs_on: str) -> set[str]:
    """The label, or the labels that an expression chooses between."""
    if "${{" not in runs_on:
        return {runs_on}
    return set(re.findall(r"(?:&&|\|\|) '([^']+)'", runs_on))


def _expected_labels(platform: Platform) -> set[str]:
    emulated, host = _EMULATED
    return {platform.runner, find_platform(host).runner} if platform.name == emulated else {platform.runner}


def _release_job(jobs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    needs = set(jobs.get(RELEASE_JOB, {}).get("needs", ()))
    wanted = {VERSION_JOB, *map(_session, PLATFORMS)}
    if needs != wanted:
        yield f"the job {RELEASE_JOB} needs {', '.join(sorted(needs)) or 'nothing'}, not {', '.join(sorted(wanted))}"


def _platform_input(workflow: Mapping[Any, Any]) -> Iterator[str]:
    # YAML 1.1 reads the bare word `on` as true.
    triggers = workflow.get("on", workflow.get(True, {}))
    options = triggers.get("workflow_dispatch", {}).get("inputs", {}).get("platform", {}).get("options", [])
    wanted = ["all", *(platform.name for platform in PLATFORMS)]
    if options != wanted:
        yield f"the input `platform` offers {', '.join(options) or 'nothing'}, not {', '.join(wanted)}"


def _unknown_sessions(workflow: Mapping[Any, Any], sessions: Collection[str]) -> Iterator[str]:
    for name, job in _jobs(workflow).items():
        text = "\n".join(str(step.get("run", "")) for step in _steps(job))
        for session in re.findall(r"nox -s (\S+)", text):
            if session not in sessions:
                yield f"the job {name} runs the session {session}, which noxfile.py does not have"


def _other_uv(workflow: Mapping[Any, Any], lock: LockFile) -> Iterator[str]:
    """The uv that fetches the first environment is the locked one, like all the others."""
    locked = {package.version for package in lock.packages if package.name == "uv"}
    for name, job in _jobs(workflow).items():
        for step in _steps(job):
            version = step.get("with", {}).get("version")
            if str(step.get("uses", "")).startswith(_SETUP_UV) and version not in locked:
                yield f"the job {name} sets up uv {version}, and poetry.lock has {', '.join(sorted(locked)) or 'none'}"


def _session(platform: Platform) -> str:
    return f"build-{platform.name}"


def _listed(uploads: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({path})" for name, path in sorted(uploads.items())) or "nothing"
