import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from release_tools.lockfile import read_lock_file
from release_tools.platforms import PLATFORMS, Platform
from release_tools.releasing.github.workflows import build_workflow_path, workflow_problems
from release_tools.settings import ReleaseSettings

REPOSITORY = Path(__file__).parents[4]
SESSIONS = frozenset({"lint", "typecheck", "tests", *(f"build-{platform.name}" for platform in PLATFORMS)})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that are compared, to be changed."""
    for name in ("pyproject.toml", ".python-version", "poetry.lock"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / ".github", tmp_path / ".github")
    suite = ReleaseSettings.load(REPOSITORY).test_suite
    assert suite
    # The settings name it, so it has to be there.
    (tmp_path / suite.relative_to(REPOSITORY)).mkdir(parents=True)
    return tmp_path


def problems_of(checkout: Path, sessions: frozenset[str] = SESSIONS) -> list[str]:
    settings = ReleaseSettings.load(checkout)
    found = workflow_problems(settings, read_lock_file(settings.lock_path), sessions)
    return [problem.what.partition(": ")[2] for problem in found]


def change(checkout: Path, before: str, after: str) -> None:
    path = build_workflow_path(ReleaseSettings.load(checkout))
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.programs
def test_the_workflows_fit_the_platform_table_the_sessions_and_the_lock() -> None:
    # Without an expression Nox lists only what it runs by default, and no name holds this character.
    command = [sys.executable, "-m", "nox", "--list", "--json", "--keywords", "not _"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120).stdout
    sessions = {entry["session"] for entry in json.loads(listed)}
    assert {f"build-{platform.name}" for platform in PLATFORMS} <= sessions
    settings = ReleaseSettings.load(REPOSITORY)
    assert workflow_problems(settings, read_lock_file(settings.lock_path), sessions) == []


def test_a_copy_of_them_fits_too(checkout: Path) -> None:
    assert problems_of(checkout) == []


def test_a_renamed_job_is_found(checkout: Path, platform: Platform) -> None:
    change(checkout, f"  build-{platform.name}:\n", f"  build-the-{platform.name}:\n")
    assert problems_of(checkout) == [
        f"there is no job build-{platform.name}",
        f"the job build-the-{platform.name} is for no platform of the table",
    ]


def test_a_row_that_only_the_table_has_is_found(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Platform(os="windows", arch="arm64", runner="windows-11-arm")
    monkeypatch.setattr("release_tools.releasing.github.workflows.PLATFORMS", (*PLATFORMS, row))
    found = problems_of(checkout)
    assert "there is no job build-windows-arm64" in found
    assert any(line.startswith('the list of the input `platform` is ["all", "darwin-arm64"') for line in found)
    assert any(line.startswith('the job create-release: needs is ["version", "build-darwin-arm64"') for line in found)


def test_a_row_that_only_the_workflow_has_is_found(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release_tools.releasing.github.workflows.PLATFORMS", PLATFORMS[:-1])
    found = problems_of(checkout)
    assert "the job build-windows-amd64 is for no platform of the table" in found
    assert len(found) == 3


@pytest.mark.parametrize(
    ("name", "runner"),
    [
        ("darwin-arm64", "macos-15"),
        ("darwin-amd64", "macos-15-intel"),
        ("linux-amd64", "ubuntu-24.04"),
        ("windows-amd64", "windows-2025"),
    ],
)
def test_another_runner_in_the_workflow_is_found(checkout: Path, name: str, runner: str) -> None:
    lines = f"inputs.platform == '{name}'\n    runs-on: "
    change(checkout, f"{lines}{runner}\n", f"{lines}other-1\n")
    assert problems_of(checkout) == [f'the job build-{name}: runs-on is "other-1", not "{runner}"']


@pytest.mark.parametrize("runner", ["'ubuntu-24.04'", "'ubuntu-24.04-arm'"])
def test_another_runner_of_the_platform_that_may_be_emulated_is_found(checkout: Path, runner: str) -> None:
    change(checkout, f" {runner} ", " 'other-1' ")
    assert len(problems_of(checkout)) == 1
    assert "other-1" in problems_of(checkout)[0]


def test_another_runner_in_the_table_is_found(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Platform(os="darwin", arch="arm64", runner="macos-26")
    monkeypatch.setattr("release_tools.releasing.github.workflows.PLATFORMS", (row, *PLATFORMS[1:]))
    assert problems_of(checkout) == ['the job build-darwin-arm64: runs-on is "macos-15", not "macos-26"']


PUSH = "github.event_name == 'push'"
TAGS_ONLY = "${{ github.event_name == 'workflow_dispatch' }}"


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        # A tag must build all platforms, or there is no release.
        (f"{PUSH} || inputs", "inputs", "the job build-linux-amd64: if"),
        ("inputs.platform == 'all' || ", "", "the job build-linux-amd64: if"),
        ("inputs.platform == 'windows-amd64'", "inputs.platform == 'windows'", "the job build-windows-amd64: if"),
        ("          - darwin-arm64\n", "", "the list of the input `platform`"),
        ('tags: ["agent-runner-v*"]', 'tags: ["v*"]', "on: push: tags"),
        # All jobs build the version that one job has worked out.
        ("default: dev", "default: v1", "the default of the input `version`"),
        ("    needs: version\n", "", "the job build-linux-amd64: needs"),
        (
            "VERSION: ${{ needs.version.outputs.version }}",
            "VERSION: ${{ inputs.version }}",
            "build-linux-amd64: its build",
        ),
        ("      version: ${{ steps", "      label: ${{ steps", "the job version: outputs"),
        ("VERSION_INPUT: ${{", "INPUT: ${{", "the job version: env"),
        ("github_jobs version", "github_jobs nox", "the job version: its step"),
        # Each job builds its own platform, as a laptop does, and hands over what it made.
        ("nox -s build-linux-amd64 --", "nox -s build-linux-arm64 --", "the job build-linux-amd64: its build"),
        ('build-linux-amd64 -- --version "$VERSION"', "build-linux-amd64", "the job build-linux-amd64: its build"),
        ("name: agent-runner-darwin-arm64", "name: agent-runner-darwin", "the job build-darwin-arm64: uploads"),
        ("path: build/linux-arm64/record.json", "path: record.json", "the job build-linux-arm64: uploads"),
        # No cache for a release, and an old system.
        (f"enable-cache: {TAGS_ONLY}", "enable-cache: true", "the job build-linux-amd64: enable-cache"),
        (f"enable-cache: {TAGS_ONLY}", "enable-cache: false", "the job build-linux-amd64: enable-cache"),
        ("enable-cache: false", "enable-cache: true", "the job version: enable-cache"),
        ("enable-cache: false", "enable-cache: true", "the job create-release: enable-cache"),
        ("only-managed", "only-system", "env: UV_PYTHON_PREFERENCE"),
        ('version: "0.', 'version: "99.', "sets up uv 99."),
        # The other runner for linux-arm64 is chosen by the input, or for a whole repository.
        (
            "&& 'ubuntu-24.04' || 'ubuntu-24.04-arm'",
            "&& 'ubuntu-24.04-arm' || 'ubuntu-24.04'",
            "build-linux-arm64: runs-on",
        ),
        (" || vars.EMULATE_LINUX_ARM64 == 'true'", "", "the job build-linux-arm64: runs-on"),
        # A release is made of a tag, and of all that the jobs have made.
        ("needs: [version, build-darwin-arm64, ", "needs: [version, ", "the job create-release: needs"),
        (f"    if: {PUSH} && github.ref_type == 'tag'\n", "", "the job create-release: if"),
        (f"if: {PUSH} && github", f"if: always() && {PUSH} && github", "the job create-release: if"),
        ("pattern: agent-runner-*", "pattern: agent-runner-linux-*", "the job create-release: downloads"),
        ("path: dist/records", "path: records", "the job create-release: downloads"),
        ('publish --tag "$TAG"', 'publish --tag "$TAG" --dry-run', "the job create-release: its commands"),
    ],
)
def test_a_change_of_one_side_is_found(checkout: Path, before: str, after: str, place: str) -> None:
    change(checkout, before, after)
    assert any(place in line for line in problems_of(checkout))


def test_a_session_that_nox_does_not_have_is_found(checkout: Path) -> None:
    found = problems_of(checkout, SESSIONS - {"typecheck"})
    assert found == ["the job typecheck runs the session typecheck, which noxfile.py does not have"]


def test_a_project_without_the_workflow_is_told_so(checkout: Path) -> None:
    build_workflow_path(ReleaseSettings.load(checkout)).unlink()
    settings = ReleaseSettings.load(checkout)
    (problem,) = workflow_problems(settings, read_lock_file(settings.lock_path), SESSIONS)
    assert problem.what == "there is no workflow build-agent-runner-binaries.yml"


@pytest.fixture(params=sorted((REPOSITORY / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text(encoding="utf-8")


def test_every_job_has_its_own_rights_and_an_end(workflow: str) -> None:
    content = yaml.safe_load(workflow)
    assert content["permissions"] == {}
    for job in content["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"] > 0
        assert "latest" not in job["runs-on"]


def test_only_the_release_may_write_to_the_repository() -> None:
    content = yaml.safe_load(build_workflow_path(ReleaseSettings.load(REPOSITORY)).read_text(encoding="utf-8"))
    writers = [name for name, job in content["jobs"].items() if job["permissions"].get("contents") == "write"]
    assert writers == ["create-release"]


def test_no_value_of_a_run_reaches_a_script_as_text(workflow: str) -> None:
    for job in yaml.safe_load(workflow)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            assert len(step.get("run", "").splitlines()) <= 1


def test_every_action_is_pinned_by_its_commit_and_says_the_version(workflow: str) -> None:
    uses = re.findall(r"uses: (.*)", workflow)
    assert uses
    for line in uses:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_no_checkout_leaves_its_token_behind(workflow: str) -> None:
    steps = [step for job in yaml.safe_load(workflow)["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_readme_table_matches_platform_table() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:darwin|linux|windows)-\w+) \| (\S+) .*\| (\S+) \| (\S+) \|$", text, re.MULTILINE)
    executable = ReleaseSettings.load(REPOSITORY).executable
    assert rows == [
        (row.name, row.runner, row.archive_suffix, f"{executable}{row.executable_suffix}") for row in PLATFORMS
    ]
