"""Whether the workflows on GitHub say the same as the platform table, the Nox sessions and the lock.

YAML cannot read Python, so it carries copies; this finds each copy that has drifted. A test and `invoke check` ask.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from release_tools.bootstrap.github_jobs import VERSION_INPUT
from release_tools.errors import Problem
from release_tools.lockfile import LockFile
from release_tools.platforms import PLATFORMS, Platform, find_platform
from release_tools.settings import ReleaseSettings
from release_tools.versions import DEV, release_tag

FOLDER: Final = Path(".github") / "workflows"
RELEASE_JOB: Final = "create-release"
VERSION_JOB: Final = "version"
RECORD_ARTIFACT: Final = "build-record"

# Where GitHub has no arm64 runners, this platform is built on the other one under emulation.
_EMULATED: Final = ("linux-arm64", "linux-amd64")
_EMULATION_WISH: Final = "inputs.emulate-linux-arm64 || vars.EMULATE_LINUX_ARM64 == 'true'"
_SETUP_UV: Final = "astral-sh/setup-uv@"
_UPLOAD: Final = "actions/upload-artifact@"
_DOWNLOAD: Final = "actions/download-artifact@"
_NO_CACHE_FOR_TAGS: Final = "${{ github.event_name == 'workflow_dispatch' }}"
_WORKFLOW_HINT: Final = (
    "write that into the workflow; platforms and runners are changed in release_tools/platforms.py too"
)
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
    found = [*_job_names(jobs), *_differences(_facts(settings, workflow))]
    problems = [Problem(what=f"{path.name}: {line}", hint=_WORKFLOW_HINT) for line in found]
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


# A place in the workflow, what stands there, and what has to.
_Fact = tuple[str, object, object]


def _differences(facts: Iterable[_Fact]) -> Iterator[str]:
    for place, actual, expected in facts:
        if actual != expected:
            yield f"{place} is {_shown(actual)}, not {_shown(expected)}"


def _shown(value: object) -> str:
    return "missing" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _facts(settings: ReleaseSettings, workflow: Mapping[Any, Any]) -> Iterator[_Fact]:
    """Everything that makes the jobs of one run build one version on five platforms, and release all or none."""
    # YAML 1.1 reads the bare word `on` as true.
    triggers = workflow.get("on", workflow.get(True))
    yield "on: push: tags", _at(triggers, "push", "tags"), [release_tag(settings.executable, "*")]
    inputs = _at(triggers, "workflow_dispatch", "inputs")
    yield "the default of the input `version`", _at(inputs, "version", "default"), DEV
    names = ["all", *(platform.name for platform in PLATFORMS)]
    yield "the list of the input `platform`", _at(inputs, "platform", "options"), names
    # uv's own Python is made for an old system, and runs there.
    yield "env: UV_PYTHON_PREFERENCE", _at(workflow, "env", "UV_PYTHON_PREFERENCE"), "only-managed"
    jobs = _jobs(workflow)
    yield from _version_facts(jobs.get(VERSION_JOB, {}))
    for platform in PLATFORMS:
        if _session(platform) in jobs:
            yield from _build_facts(settings, platform, jobs[_session(platform)])
    yield from _release_facts(settings, jobs.get(RELEASE_JOB, {}))


def _version_facts(job: Mapping[str, Any]) -> Iterator[_Fact]:
    place = f"the job {VERSION_JOB}"
    yield f"{place}: outputs", job.get("outputs"), {"version": "${{ steps.version.outputs.version }}"}
    step = _step(job, "id", "version")
    yield f"{place}: its step", step.get("run"), "uv run --no-project -m release_tools.bootstrap.github_jobs version"
    yield f"{place}: env", step.get("env"), {VERSION_INPUT: "${{ inputs.version }}"}
    yield f"{place}: enable-cache", _at(_step(job, "uses", _SETUP_UV), "with", "enable-cache"), False


def _build_facts(settings: ReleaseSettings, platform: Platform, job: Mapping[str, Any]) -> Iterator[_Fact]:
    session = _session(platform)
    place = f"the job {session}"
    chosen = f"github.event_name == 'push' || inputs.platform == 'all' || inputs.platform == '{platform.name}'"
    yield f"{place}: needs", job.get("needs"), VERSION_JOB
    yield f"{place}: if", job.get("if"), chosen
    yield f"{place}: runs-on", job.get("runs-on"), _runs_on(platform)
    cache = _at(_step(job, "uses", _SETUP_UV), "with", "enable-cache")
    yield f"{place}: enable-cache", cache, _NO_CACHE_FOR_TAGS
    builds = [step for step in _steps(job) if "nox -s" in str(step.get("run"))]
    wanted = {
        "run": f'nox -s {session} -- --version "$VERSION"',
        "env": {"VERSION": "${{ needs.version.outputs.version }}"},
    }
    yield f"{place}: its build", [{key: step.get(key) for key in wanted} for step in builds], [wanted]
    uploads = {
        artifact_name(settings, platform): "dist/",
        f"{RECORD_ARTIFACT}-{platform.name}": f"build/{platform.name}/record.json",
    }
    yield f"{place}: uploads", _artifacts(job, _UPLOAD, "name"), uploads


def _runs_on(platform: Platform) -> str:
    emulated, host = _EMULATED
    if platform.name != emulated:
        return platform.runner
    return f"${{{{ ({_EMULATION_WISH}) && '{find_platform(host).runner}' || '{platform.runner}' }}}}"


def _release_facts(settings: ReleaseSettings, job: Mapping[str, Any]) -> Iterator[_Fact]:
    place = f"the job {RELEASE_JOB}"
    yield f"{place}: needs", job.get("needs"), [VERSION_JOB, *map(_session, PLATFORMS)]
    yield f"{place}: if", job.get("if"), "github.event_name == 'push' && github.ref_type == 'tag'"
    yield f"{place}: enable-cache", _at(_step(job, "uses", _SETUP_UV), "with", "enable-cache"), False
    downloads = {f"{settings.executable}-*": "dist", f"{RECORD_ARTIFACT}-*": "dist/records"}
    yield f"{place}: downloads", _artifacts(job, _DOWNLOAD, "pattern"), downloads
    publishing = [step.get("run") for step in _steps(job) if "invoke" in str(step.get("run"))]
    yield f"{place}: its commands", publishing, ['invoke publish --tag "$TAG"']


def _artifacts(job: Mapping[str, Any], action: str, key: str) -> dict[Any, Any]:
    steps = [step.get("with", {}) for step in _steps(job) if str(step.get("uses", "")).startswith(action)]
    return {settings.get(key): settings.get("path") for settings in steps}


def _step(job: Mapping[str, Any], key: str, start: str) -> Mapping[str, Any]:
    """The first step whose `key` starts like this; an empty one where there is none."""
    return next((step for step in _steps(job) if str(step.get(key, "")).startswith(start)), {})


def _at(content: object, *keys: str) -> object:
    """What stands under these keys, one inside the other; None where nothing does."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


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
