"""Finds where the GitHub workflows disagree with the platform table, the Nox sessions or the lock.

YAML can't read Python, so the workflows repeat these facts. A test and `invoke check` compare every copy.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from release_tools.bootstrap.github_jobs import DEFAULT_BRANCH, VERSION_INPUT
from release_tools.errors import Problem
from release_tools.lockfile import LockFile
from release_tools.platforms import PLATFORMS, Platform, find_platform
from release_tools.settings import ReleaseSettings
from release_tools.versions import DEV, artifact_name, build_workflow_name, release_tag

WORKFLOWS: Final = Path(".github") / "workflows"
# Everything a build job does after its checkout.
BUILD_ACTION: Final = Path(".github") / "actions" / "build-binary" / "action.yml"
RELEASE_JOB: Final = "create-release"
# A project without a mirror may delete it.
MIRROR_JOB: Final = "mirror"
VERSION_JOB: Final = "version"
RECORD_ARTIFACT: Final = "build-record"

# Without arm64 runners, linux-arm64 is built under QEMU on linux-amd64's runner.
_EMULATED: Final = ("linux-arm64", "linux-amd64")
_EMULATION_CONDITION: Final = "inputs.emulate-linux-arm64 || vars.EMULATE_LINUX_ARM64 == 'true'"
_SETUP_UV: Final = "astral-sh/setup-uv@"
_CHECKOUT: Final = "actions/checkout@"
_UPLOAD: Final = "actions/upload-artifact@"
_DOWNLOAD: Final = "actions/download-artifact@"
_ATTEST: Final = "actions/attest"
_NO_CACHE_FOR_TAGS: Final = "${{ github.event_name == 'workflow_dispatch' }}"
_GITHUB_JOBS: Final = "uv run --no-project -m release_tools.bootstrap.github_jobs"
_WORKFLOW_HINT: Final = "change it there, or in release_tools/platforms.py if the platform table is out of date"
_SESSION_HINT: Final = "change the name to a session that `nox --list` shows, or add the session to noxfile.py"
_UV_HINT: Final = "set `version` to the locked one"

Yaml = Mapping[Any, Any]


def build_workflow_path(settings: ReleaseSettings) -> Path:
    return settings.root / WORKFLOWS / build_workflow_name(settings.executable)


def workflow_problems(settings: ReleaseSettings, lock: LockFile, sessions: Collection[str]) -> list[Problem]:
    """Every disagreement of the workflows and the build action.

    `lock` is the library's, and `sessions` are the names in `nox --list --json`.
    """
    path, action_path = build_workflow_path(settings), settings.root / BUILD_ACTION
    for required in (path, action_path):
        if not required.is_file():
            place = required.relative_to(settings.root).as_posix()
            return [Problem(what=f"{place} doesn't exist", hint="copy it from the project release_tools comes from")]
    workflow, action = _read(path), _read(action_path)
    problems = [
        *_problems(path, _WORKFLOW_HINT, _job_names(_jobs(workflow))),
        *_problems(path, _WORKFLOW_HINT, _differences(_facts(settings, workflow))),
        *_problems(action_path, _WORKFLOW_HINT, _differences(_action_facts(action))),
    ]
    for file in (*sorted(path.parent.glob("*.yml")), action_path):
        jobs = _jobs(_read(file))
        problems += _problems(file, _SESSION_HINT, _unknown_sessions(jobs, sessions))
        problems += _problems(file, _UV_HINT, _unlocked_uv(jobs, lock))
    return problems


def _problems(path: Path, hint: str, lines: Iterable[str]) -> list[Problem]:
    return [Problem(what=f"{path.name}: {line}", hint=hint) for line in lines]


def _read(path: Path) -> Yaml:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}


def _jobs(content: Yaml) -> Mapping[str, Yaml]:
    """The jobs of a workflow; for an action, what it runs, which has the same form."""
    jobs = content.get("jobs", {"action": content["runs"]} if "runs" in content else {})
    return jobs if isinstance(jobs, dict) else {}


def _steps(job: Yaml) -> list[Yaml]:
    return list(job.get("steps", []))


def _job_names(jobs: Mapping[str, Yaml]) -> Iterator[str]:
    expected = {_session(platform) for platform in PLATFORMS}
    present = {name for name in jobs if name.startswith("build")}
    for name in sorted(expected - present):
        yield f"the job {name} is missing"
    for name in sorted(present - expected):
        yield f"the job {name} builds no platform of the table"


# A place in a file, its value there, and the value it must have.
_Fact = tuple[str, object, object]


def _differences(facts: Iterable[_Fact]) -> Iterator[str]:
    for place, actual, expected in facts:
        if actual != expected:
            yield f"{place} is {_shown(actual)}, not {_shown(expected)}"


def _shown(value: object) -> str:
    return "missing" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _facts(settings: ReleaseSettings, workflow: Yaml) -> Iterator[_Fact]:
    """What makes the jobs of a run build one version for five platforms, and release all or none."""
    # YAML 1.1 reads the bare word `on` as true.
    triggers = workflow.get("on", workflow.get(True))
    yield "on: push: tags", _at(triggers, "push", "tags"), [release_tag(settings.executable, "*")]
    inputs = _at(triggers, "workflow_dispatch", "inputs")
    yield "the default of the input `version`", _at(inputs, "version", "default"), DEV
    names = ["all", *(platform.name for platform in PLATFORMS)]
    yield "the list of the input `platform`", _at(inputs, "platform", "options"), names
    # uv's Python is built for an old system, so the binary runs there.
    yield "env: UV_PYTHON_PREFERENCE", _at(workflow, "env", "UV_PYTHON_PREFERENCE"), "only-managed"
    jobs = _jobs(workflow)
    yield from _version_facts(jobs.get(VERSION_JOB, {}))
    for platform in PLATFORMS:
        if _session(platform) in jobs:
            yield from _build_facts(settings, platform, jobs[_session(platform)])
    yield from _release_facts(settings, jobs.get(RELEASE_JOB, {}))
    if MIRROR_JOB in jobs:
        yield from _mirror_facts(jobs[MIRROR_JOB])


def _version_facts(job: Yaml) -> Iterator[_Fact]:
    place = f"the job {VERSION_JOB}"
    yield f"{place}: outputs", job.get("outputs"), {"version": "${{ steps.version.outputs.version }}"}
    step = _step(job, "id", "version")
    yield f"{place}: its step", step.get("run"), f"{_GITHUB_JOBS} version"
    env = {VERSION_INPUT: "${{ inputs.version }}", DEFAULT_BRANCH: "${{ github.event.repository.default_branch }}"}
    yield f"{place}: env", step.get("env"), env
    yield f"{place}: fetch-depth", _at(_step(job, "uses", _CHECKOUT), "with", "fetch-depth"), 0
    yield f"{place}: enable-cache", _at(_step(job, "uses", _SETUP_UV), "with", "enable-cache"), False


def _build_facts(settings: ReleaseSettings, platform: Platform, job: Yaml) -> Iterator[_Fact]:
    place = f"the job {_session(platform)}"
    selected = f"github.event_name == 'push' || inputs.platform == 'all' || inputs.platform == '{platform.name}'"
    yield f"{place}: needs", job.get("needs"), VERSION_JOB
    yield f"{place}: if", job.get("if"), selected
    yield f"{place}: runs-on", job.get("runs-on"), _runs_on(platform)
    inputs = {
        "platform": platform.name,
        "version": "${{ needs.version.outputs.version }}",
        "artifact": artifact_name(settings.executable, platform),
    }
    # Besides actions of other repositories, a job runs only the build action, at the same commit ($).
    own_steps = [step for step in _steps(job) if "@" not in str(step.get("uses"))]
    expected = [{"uses": f"$/{BUILD_ACTION.parent.as_posix()}", "with": inputs}]
    yield f"{place}: its build", own_steps, expected


def _action_facts(action: Yaml) -> Iterator[_Fact]:
    yield "inputs", sorted(action.get("inputs") or {}), ["artifact", "platform", "version"]
    runs = _jobs(action).get("action", {})
    yield "enable-cache", _at(_step(runs, "uses", _SETUP_UV), "with", "enable-cache"), _NO_CACHE_FOR_TAGS
    keys = ("run", "env", "if")
    commands = [{key: step[key] for key in keys if key in step} for step in _steps(runs) if "run" in step]
    build = {
        "run": 'nox -s "build-$PLATFORM" -- --version "$VERSION"',
        "env": {"PLATFORM": "${{ inputs.platform }}", "VERSION": "${{ inputs.version }}"},
    }
    yield "its commands", commands, [{"run": f"{_GITHUB_JOBS} nox"}, build]
    uploads = {
        "${{ inputs.artifact }}": "dist/",
        f"{RECORD_ARTIFACT}-${{{{ inputs.platform }}}}": "build/${{ inputs.platform }}/record.json",
    }
    yield "uploads", _artifacts(runs, _UPLOAD, "name"), uploads
    conditions = [step.get("if") for step in _steps(runs) if str(step.get("uses", "")).startswith(_UPLOAD)]
    # A failed build uploads its record too.
    yield "the conditions of its uploads", conditions, [None, "${{ !cancelled() }}"]


def _runs_on(platform: Platform) -> str:
    emulated, host = _EMULATED
    if platform.name != emulated:
        return platform.runner
    return f"${{{{ ({_EMULATION_CONDITION}) && '{find_platform(host).runner}' || '{platform.runner}' }}}}"


def _release_facts(settings: ReleaseSettings, job: Yaml) -> Iterator[_Fact]:
    place = f"the job {RELEASE_JOB}"
    yield f"{place}: needs", job.get("needs"), [*map(_session, PLATFORMS)]
    yield f"{place}: if", job.get("if"), "github.event_name == 'push' && github.ref_type == 'tag'"
    yield f"{place}: enable-cache", _at(_step(job, "uses", _SETUP_UV), "with", "enable-cache"), False
    downloads = {f"{settings.executable}-*": "dist", f"{RECORD_ARTIFACT}-*": "dist/records"}
    yield f"{place}: downloads", _artifacts(job, _DOWNLOAD, "pattern"), downloads
    names = [str(step.get("run") or step.get("uses")).partition("@")[0] for step in _steps(job)]
    publishing = [name for name in names if "invoke" in name or name == _ATTEST]
    # Attested before it's public: whoever downloads it first can check it.
    draft, publish = 'invoke publish --tag "$TAG" --draft', 'invoke publish --tag "$TAG"'
    yield f"{place}: its commands", publishing, [draft, _ATTEST, publish]


def _mirror_facts(job: Yaml) -> Iterator[_Fact]:
    """What makes the job mirror a release that was published, and run only where there is a mirror."""
    place = f"the job {MIRROR_JOB}"
    yield f"{place}: needs", job.get("needs"), RELEASE_JOB
    yield f"{place}: if", job.get("if"), "${{ vars.MIRROR_BUCKET != '' }}"
    yield f"{place}: enable-cache", _at(_step(job, "uses", _SETUP_UV), "with", "enable-cache"), False
    mirroring = [step.get("run") for step in _steps(job) if "invoke" in str(step.get("run"))]
    yield f"{place}: its commands", mirroring, ['invoke mirror --tag "$TAG"']


def _artifacts(job: Yaml, action: str, key: str) -> dict[Any, Any]:
    steps = [step.get("with", {}) for step in _steps(job) if str(step.get("uses", "")).startswith(action)]
    return {options.get(key): options.get("path") for options in steps}


def _step(job: Yaml, key: str, prefix: str) -> Yaml:
    """The first step whose `key` starts with `prefix`; an empty one if there is none."""
    return next((step for step in _steps(job) if str(step.get(key, "")).startswith(prefix)), {})


def _at(content: object, *keys: str) -> object:
    """The value at nested keys, or None."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def _unknown_sessions(jobs: Mapping[str, Yaml], sessions: Collection[str]) -> Iterator[str]:
    for name, job in jobs.items():
        text = "\n".join(str(step.get("run", "")) for step in _steps(job))
        # Not quoted names, which hold a variable.
        for session in re.findall(r"nox -s ([^\s\"]+)", text):
            if session not in sessions:
                yield f"{name} runs the session {session}, which noxfile.py doesn't have"


def _unlocked_uv(jobs: Mapping[str, Yaml], lock: LockFile) -> Iterator[str]:
    """The uv that sets up the first environment must be the locked one, as everywhere else."""
    locked = {package.version for package in lock.packages if package.name == "uv"}
    for name, job in jobs.items():
        for step in _steps(job):
            version = _at(step, "with", "version")
            if str(step.get("uses", "")).startswith(_SETUP_UV) and version not in locked:
                found = ", ".join(sorted(locked)) or "none"
                yield f"{name} sets up uv {version}, and release_tools/poetry.lock has {found}"


def _session(platform: Platform) -> str:
    return f"build-{platform.name}"
