"""A small app goes through the whole pipeline, with the command that a user types."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.bootstrap.adopting import NOXFILE
from release_tools.platforms import PLATFORMS, host_platform

REPOSITORY = Path(__file__).parents[2]
SAMPLE = Path(__file__).with_name("sample_project")
HOST = host_platform()
ARCHIVE = f"sample-v1.2.3-{HOST.name}{HOST.archive_suffix}"
BUILD_TIMEOUT_SECONDS = 900

# The tests share one build, so one worker of pytest-xdist runs them all.
pytestmark = [pytest.mark.timeout(2 * BUILD_TIMEOUT_SECONDS), pytest.mark.xdist_group("sample build")]


def make_checkout(folder: Path) -> Path:
    """Commit the sample project with a copy of the library, at a fixed time."""
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        REPOSITORY / "release_tools", folder / "release_tools", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "noxfile.py").write_text(NOXFILE, encoding="utf-8")
    # An older build backend left this; only the wheel counts.
    (folder / "sample_app.egg-info").mkdir()
    (folder / "sample_app.egg-info" / "PKG-INFO").write_text("Name: sample-app\nVersion: 0.1\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    commit_all(folder)
    return folder


def commit_all(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "state")


def git(folder: Path, *args: str) -> None:
    identity = {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in IDENTITY.items()}
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *args], cwd=folder, env=environment, check=True, timeout=60)


IDENTITY = {"NAME": "Tester", "EMAIL": "tester@example.org", "DATE": "1700000000 +0000"}


def run_nox(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "nox", *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=BUILD_TIMEOUT_SECONDS,
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkout(tmp_path_factory.mktemp("sample") / "checkout")


@pytest.fixture(scope="module")
def built(checkout: Path) -> Path:
    """The checkout after one good build of version v1.2.3."""
    finished = run_nox(checkout, "-s", f"build-{HOST.name}", "--", "--version", "v1.2.3")
    assert finished.returncode == 0, finished.stdout
    return checkout


def test_build_places_archive_and_checksum(built: Path) -> None:
    assert sorted(path.name for path in (built / "dist").iterdir()) == [ARCHIVE, f"{ARCHIVE}.sha256"]
    line = (built / "dist" / f"{ARCHIVE}.sha256").read_bytes()
    assert line == f"{sha256(built / 'dist' / ARCHIVE)}  {ARCHIVE}\n".encode()


def test_record_has_sizes_stages_and_checks(built: Path) -> None:
    record = json.loads((built / "build" / HOST.name / "record.json").read_text(encoding="utf-8"))
    assert (record["verdict"], record["exact_version"], record["platform"]) == ("verified", "1.2.3", HOST.name)
    assert record["sha256"] == sha256(built / "dist" / ARCHIVE)
    assert record["archive_bytes"] == (built / "dist" / ARCHIVE).stat().st_size
    assert list(record["stages"]) == ["environment", "preflight", "freeze", "package", "verify", "checksum"]
    assert "failed" not in {check["verdict"] for check in record["checks"]}
    skipped = {check["name"]: check["figure"] for check in record["checks"] if check["verdict"] == "skipped"}
    assert all(skipped.values())
    assert {"version", "smoke commands", "black-box tests", "temporary files"}.isdisjoint(skipped)


def test_program_runs_in_an_empty_environment(built: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(built / "dist" / ARCHIVE, tmp_path, filter="data")
    program = tmp_path / f"sample{HOST.executable_suffix}"
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    for args, expected in ((["--version"], "sample 1.2.3"), (["greet", "formal"], "Good day to you.")):
        finished = subprocess.run([program, *args], env=kept, capture_output=True, text=True, check=True, timeout=60)
        assert finished.stdout.strip() == expected


def test_rebuild_in_another_folder_is_identical(built: Path, tmp_path: Path) -> None:
    other = make_checkout(tmp_path / "another folder, a longer one")
    finished = run_nox(other, "-s", "build", "--", "--version", "v1.2.3")
    assert finished.returncode == 0, finished.stdout
    assert sha256(other / "dist" / ARCHIVE) == sha256(built / "dist" / ARCHIVE)


def test_broken_build_keeps_the_last_good_archive(built: Path) -> None:
    before = sha256(built / "dist" / ARCHIVE)
    module = built / "sample_app" / "greetings" / "formal.py"
    module.write_text(
        'import sys\nTEMPLATE = "lost.txt" if hasattr(sys, "frozen") else "formal.txt"\n', encoding="utf-8"
    )
    commit_all(built)
    finished = run_nox(built, "-s", "build", "--", "--version", "v1.2.3")
    assert finished.returncode == 1
    assert "lost.txt" in finished.stdout
    assert "hint: " in finished.stdout
    record = json.loads((built / "build" / HOST.name / "record.json").read_text(encoding="utf-8"))
    assert (record["verdict"], record["sha256"]) == ("refused", "")
    failed = [check["name"] for check in record["checks"] if check["verdict"] == "failed"]
    assert failed == ["smoke commands", "unusual places", "black-box tests"]
    assert sha256(built / "dist" / ARCHIVE) == before
    assert sorted(path.name for path in (built / "dist").iterdir()) == [ARCHIVE, f"{ARCHIVE}.sha256"]


@pytest.mark.parametrize(
    ("session", "arguments", "culprit"),
    [
        ("build", ["--version", "1.2.3"], "'v1.2.3'"),
        (f"build-{next(row.name for row in PLATFORMS if row != HOST)}", [], "PyInstaller"),
    ],
)
def test_bad_request_fails_before_any_work(tmp_path: Path, session: str, arguments: list[str], culprit: str) -> None:
    folder = make_checkout(tmp_path / "checkout")
    finished = run_nox(folder, "-s", session, "--", *arguments)
    assert finished.returncode == 1
    assert culprit in finished.stdout
    assert "hint: " in finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (folder / "dist").exists()
    assert not (folder / "build").exists()


def test_missing_python_version_has_a_hint(tmp_path: Path) -> None:
    folder = make_checkout(tmp_path / "checkout")
    (folder / ".python-version").write_text("3.99\n", encoding="utf-8")
    finished = run_nox(folder, "-s", "build")
    assert finished.returncode == 1
    assert "uv python install 3.99" in finished.stdout
    assert "Traceback" not in finished.stdout
