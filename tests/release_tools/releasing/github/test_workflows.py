import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from release_tools.lockfile import TOOLS_LOCK, read_lock_file
from release_tools.platforms import PLATFORMS, Platform
from release_tools.releasing.github.workflows import BUILD_ACTION, build_workflow_path, workflow_problems
from release_tools.settings import ReleaseSettings

REPOSITORY = Path(__file__).parents[4]
SESSIONS = frozenset({"lint", "typecheck", "tests", "workflow", *(f"build-{platform.name}" for platform in PLATFORMS)})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of every file that is compared."""
    for name in ("pyproject.toml", ".python-version"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / ".github", tmp_path / ".github")
    settings = ReleaseSettings.load(REPOSITORY)
    # Settings whose folders don't exist are refused.
    for folder in filter(None, (settings.test_suite, settings.benchmarks)):
        (tmp_path / folder.relative_to(REPOSITORY)).mkdir(parents=True)
    return tmp_path


def problems_of(checkout: Path, sessions: frozenset[str] = SESSIONS) -> list[str]:
    settings = ReleaseSettings.load(checkout)
    found = workflow_problems(settings, read_lock_file(TOOLS_LOCK), sessions)
    return [problem.what for problem in found]


def change(checkout: Path, before: str, after: str) -> None:
    """Replace a text in the build workflow and in the build action, whichever has it."""
    changed = False
    for path in (build_workflow_path(ReleaseSettings.load(checkout)), checkout / BUILD_ACTION):
        text = path.read_text(encoding="utf-8")
        changed = changed or before in text
        path.write_text(text.replace(before, after), encoding="utf-8")
    assert changed


@pytest.mark.programs
def test_workflows_agree_with_table_sessions_and_lock() -> None:
    # Without an expression Nox lists only its default sessions; no session name contains this character.
    command = [sys.executable, "-m", "nox", "--list", "--json", "--keywords", "not _"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120).stdout
    sessions = {entry["session"] for entry in json.loads(listed)}
    assert {f"build-{platform.name}" for platform in PLATFORMS} <= sessions
    settings = ReleaseSettings.load(REPOSITORY)
    assert workflow_problems(settings, read_lock_file(TOOLS_LOCK), sessions) == []


def test_unchanged_copy_has_no_problems(checkout: Path) -> None:
    assert problems_of(checkout) == []


def test_renamed_job_is_found(checkout: Path, platform: Platform) -> None:
    change(checkout, f"  build-{platform.name}:\n", f"  build-the-{platform.name}:\n")
    missing, unknown = problems_of(checkout)
    assert f"job build-{platform.name} " in missing
    assert f"job build-the-{platform.name} " in unknown


def test_platform_missing_from_workflow_is_found(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Platform(os="windows", arch="arm64", runner="windows-11-arm")
    monkeypatch.setattr("release_tools.releasing.github.workflows.PLATFORMS", (*PLATFORMS, row))
    job, choices, needs = problems_of(checkout)
    assert "job build-windows-arm64 " in job
    assert "the list of the input `platform` " in choices
    assert "the job create-release: needs " in needs


def test_platform_missing_from_table_is_found(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release_tools.releasing.github.workflows.PLATFORMS", PLATFORMS[:-1])
    job, choices, needs = problems_of(checkout)
    assert "job build-windows-amd64 " in job
    assert "the list of the input `platform` " in choices
    assert "the job create-release: needs " in needs


@pytest.mark.parametrize("row", [row for row in PLATFORMS if row.name != "linux-arm64"], ids=lambda row: row.name)
def test_other_runner_in_workflow_is_found(checkout: Path, row: Platform) -> None:
    lines = f"inputs.platform == '{row.name}'\n    runs-on: "
    change(checkout, f"{lines}{row.runner}\n", f"{lines}other-1\n")
    (problem,) = problems_of(checkout)
    assert problem.endswith(f'the job build-{row.name}: runs-on is "other-1", not "{row.runner}"')


@pytest.mark.parametrize("runner", ["'ubuntu-24.04'", "'ubuntu-24.04-arm'"])
def test_other_runner_for_emulated_platform_is_found(checkout: Path, runner: str) -> None:
    change(checkout, f" {runner} ", " 'other-1' ")
    (problem,) = problems_of(checkout)
    assert "other-1" in problem


def test_other_runner_in_table_is_found(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Platform(os="darwin", arch="arm64", runner="macos-26")
    monkeypatch.setattr("release_tools.releasing.github.workflows.PLATFORMS", (row, *PLATFORMS[1:]))
    (problem,) = problems_of(checkout)
    assert problem.endswith('the job build-darwin-arm64: runs-on is "macos-15", not "macos-26"')


PUSH = "github.event_name == 'push'"
TAGS_ONLY = "${{ github.event_name == 'workflow_dispatch' }}"


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        # A tag must build every platform, or there is no release.
        (f"{PUSH} || inputs", "inputs", "the job build-linux-amd64: if"),
        ("inputs.platform == 'all' || ", "", "the job build-linux-amd64: if"),
        ("inputs.platform == 'windows-amd64'", "inputs.platform == 'windows'", "the job build-windows-amd64: if"),
        ("          - darwin-arm64\n", "", "the list of the input `platform`"),
        ('tags: ["agent-runner-v*"]', 'tags: ["v*"]', "on: push: tags"),
        # Every job builds the version that one job has determined.
        ("default: dev", "default: v1", "the default of the input `version`"),
        ("    needs: version\n", "", "the job build-linux-amd64: needs"),
        ("version: ${{ needs.version.outputs.version }}", "version: dev", "the job build-linux-amd64: its build"),
        ("VERSION: ${{ inputs.version }}\n    - ", "VERSION: dev\n    - ", "action.yml: its commands"),
        ("      version: ${{ steps", "      label: ${{ steps", "the job version: outputs"),
        ("VERSION_INPUT: ${{", "INPUT: ${{", "the job version: env"),
        ("github_jobs version", "github_jobs nox", "the job version: its step"),
        # Every job builds its own platform, with the one action, and uploads what it built.
        ("          platform: linux-amd64", "          platform: linux-arm64", "the job build-linux-amd64: its build"),
        ("artifact: agent-runner-darwin-arm64", "artifact: agent-runner", "the job build-darwin-arm64: its build"),
        ("$/.github/actions/build-binary", "$/.github/actions/other", "the job build-linux-amd64: its build"),
        ("      - uses: $/.github/a", "      - run: make\n      - uses: $/.github/a", "build-linux-amd64: its build"),
        ('"build-$PLATFORM"', "build-linux-amd64", "action.yml: its commands"),
        (' -- --version "$VERSION"', "", "action.yml: its commands"),
        ("PLATFORM: ${{ inputs.platform }}", "PLATFORM: linux-amd64", "action.yml: its commands"),
        ("github_jobs nox\n    - ", "github_jobs version\n    - ", "action.yml: its commands"),
        ("    - name: Build,", "    - run: make\n    - name: Build,", "action.yml: its commands"),
        ("    - name: Build,", "    - if: false\n      name: Build,", "action.yml: its commands"),
        ("  artifact:\n", "  name:\n", "action.yml: inputs"),
        ("name: ${{ inputs.artifact }}", "name: agent-runner", "action.yml: uploads"),
        ("name: build-record-${{ inputs.platform }}", "name: build-record", "action.yml: uploads"),
        ("path: build/${{ inputs.platform }}/record.json", "path: record.json", "action.yml: uploads"),
        ("      if: ${{ !cancelled() }}\n", "", "action.yml: the conditions of its uploads"),
        # No cache for a release, and an old system.
        (f"enable-cache: {TAGS_ONLY}", "enable-cache: true", "action.yml: enable-cache"),
        (f"enable-cache: {TAGS_ONLY}", "enable-cache: false", "action.yml: enable-cache"),
        ("enable-cache: false", "enable-cache: true", "the job version: enable-cache"),
        ("enable-cache: false", "enable-cache: true", "the job create-release: enable-cache"),
        ("only-managed", "only-system", "env: UV_PYTHON_PREFERENCE"),
        ('version: "0.', 'version: "99.', "binaries.yml: version sets up uv 99."),
        ('version: "0.', 'version: "99.', "action.yml: action sets up uv 99."),
        # The other runner for linux-arm64 is selected by the input, or for a whole repository.
        (
            "&& 'ubuntu-24.04' || 'ubuntu-24.04-arm'",
            "&& 'ubuntu-24.04-arm' || 'ubuntu-24.04'",
            "build-linux-arm64: runs-on",
        ),
        (" || vars.EMULATE_LINUX_ARM64 == 'true'", "", "the job build-linux-arm64: runs-on"),
        # A release needs a tag, and everything that the jobs built.
        ("needs: [build-darwin-arm64, ", "needs: [", "the job create-release: needs"),
        (f"    if: {PUSH} && github.ref_type == 'tag'\n", "", "the job create-release: if"),
        (f"if: {PUSH} && github", f"if: always() && {PUSH} && github", "the job create-release: if"),
        ("pattern: agent-runner-*", "pattern: agent-runner-linux-*", "the job create-release: downloads"),
        ("path: dist/records", "path: records", "the job create-release: downloads"),
        ('publish --tag "$TAG"', 'publish --tag "$TAG" --dry-run', "the job create-release: its commands"),
        # The mirror gets what was published.
        ("    needs: create-release\n", "    needs: version\n", "the job mirror: needs"),
        ("    if: ${{ vars.MIRROR_BUCKET != '' }}\n", "", "the job mirror: if"),
        ('mirror --tag "$TAG"', 'mirror --tag "$TAG" --folder dist', "the job mirror: its commands"),
    ],
)
def test_drift_of_either_side_is_found(checkout: Path, before: str, after: str, place: str) -> None:
    change(checkout, before, after)
    assert any(place in line for line in problems_of(checkout))


def test_unknown_session_is_found(checkout: Path) -> None:
    (problem,) = problems_of(checkout, SESSIONS - {"typecheck"})
    assert problem.startswith("checks.yml: typecheck runs the session typecheck,")


@pytest.mark.parametrize("name", ["workflows/build-agent-runner-binaries.yml", "actions/build-binary/action.yml"])
def test_missing_file_is_the_only_problem(checkout: Path, name: str) -> None:
    (checkout / ".github" / name).unlink()
    (problem,) = problems_of(checkout)
    assert f".github/{name}" in problem


WORKFLOWS = sorted((REPOSITORY / ".github").glob("workflows/*.yml"))
ACTIONS = sorted((REPOSITORY / ".github").glob("actions/*/action.yml"))


def steps_in(path: Path) -> list[dict[str, Any]]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_job_declares_permissions_and_timeout(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["permissions"] == {}
    for job in content["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"] > 0
        assert "latest" not in job["runs-on"]


def test_only_the_release_job_may_write() -> None:
    content = yaml.safe_load(build_workflow_path(ReleaseSettings.load(REPOSITORY)).read_text(encoding="utf-8"))
    writers = [name for name, job in content["jobs"].items() if job["permissions"].get("contents") == "write"]
    assert writers == ["create-release"]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.name)
def test_scripts_are_one_line_without_expressions(path: Path) -> None:
    for step in steps_in(path):
        assert "${{" not in step.get("run", "")
        assert len(step.get("run", "").splitlines()) <= 1


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.name)
def test_every_foreign_action_is_pinned_with_its_version(path: Path) -> None:
    uses = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert uses
    for line in uses:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\$/\.github/actions/[\w-]+", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_checkout_persists_its_token(path: Path) -> None:
    checkouts = [step for step in steps_in(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_readme_table_matches_platform_table() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:darwin|linux|windows)-\w+) \| (\S+) .*\| (\S+) \| (\S+) \|$", text, re.MULTILINE)
    executable = ReleaseSettings.load(REPOSITORY).executable
    assert rows == [
        (row.name, row.runner, row.archive_suffix, f"{executable}{row.executable_suffix}") for row in PLATFORMS
    ]
