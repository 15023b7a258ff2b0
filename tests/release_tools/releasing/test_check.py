import io
import shutil
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from release_tools.releasing.check import check_project
from release_tools.releasing.errors import ChecksFailedError
from tests.release_tools.releasing.clones import Workplace, git

pytestmark = pytest.mark.programs

TODAY = date(2026, 11, 23)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH: stand-ins that say a good version, and the real git."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "git").symlink_to(str(shutil.which("git")))
    for name in ("ldd", "objcopy", "objdump", "strip"):
        write_program(folder / name, "exit 0")
    write_program(folder / "gh", "echo 'gh version 2.80.0 (2026-01-01)'")
    write_program(folder / "uv", "echo 'uv 0.13.9'")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def run_check(
    workplace: Workplace, programs: Path, today: date = TODAY, *, nox: Path | None = None
) -> tuple[list[str], str]:
    """The names of the failed checks, and all that is printed."""
    output = io.StringIO()
    console = Console(file=output, width=200)
    try:
        check_project(workplace.settings, today, programs / "uv", nox, console)
    except ChecksFailedError as error:
        return error.what.partition(": ")[2].split(", "), output.getvalue()
    return [], output.getvalue()


def test_a_ready_project_on_a_ready_machine_passes_every_check(workplace: Workplace, programs: Path) -> None:
    failed, printed = run_check(workplace, programs)
    assert failed == []
    assert printed.count("passed") == 10
    assert printed.count("skipped") == 1
    assert "1 keys in [tool.release-tools]" in printed
    assert "1 packages, fresh" in printed
    assert "the first to end is macos-15-intel, on 2027-08-01" in printed


def test_everything_that_is_wrong_is_listed_with_its_cure(workplace: Workplace, programs: Path, tmp_path: Path) -> None:
    workplace.commit_all("fix: second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{workplace.remote}", "shallow")
    shallow = Workplace(tmp_path / "shallow", workplace.remote)
    shallow.write_lock(
        '[[package]]\nname = "native"\nversion = "2.0"\nfiles = [{file = "native.tar.gz", hash = "sha256:1"}]\n'
    )
    text = (shallow.root / "pyproject.toml").read_text(encoding="utf-8")
    shallow.write("pyproject.toml", text.replace("dependencies = []", 'dependencies = ["native"]'))
    write_program(
        programs / "gh", "[ $1 = --version ] && echo 'gh version 2.3.0' && exit; echo 'not logged in' >&2; exit 1"
    )
    write_program(programs / "uv", "exit 1")
    (programs / "objcopy").unlink()
    failed, printed = run_check(shallow, programs, date(2027, 3, 1))
    assert failed == ["gh", "gh login", "uv", "build tools", "lock", "wheels", "history", "runners"]
    assert printed.count("hint: ") >= len(failed)
    for part in (
        "gh says 'gh version 2.3.0'; 2.23 or later is needed",
        "gh login: not logged in\nhint: run `gh auth login`, or set GH_TOKEN",
        "uv says ''; 0.5 or later is needed",
        "PyInstaller needs objcopy",
        "poetry.lock is stale",
        "native 2.0 has no wheel for darwin-arm64",
        "native 2.0 has no wheel for windows-amd64",
        "the clone is shallow",
        "macos-15-intel ends on 2027-08-01, in 153 days",
    ):
        assert part in printed


def test_a_missing_program_is_a_failed_check_and_not_the_end(workplace: Workplace, programs: Path) -> None:
    (programs / "gh").unlink()
    failed, printed = run_check(workplace, programs)
    assert failed == ["gh", "gh login"]
    assert "the program 'gh' was not found on the PATH" in printed


def test_a_workflow_that_is_missing_is_told_by_the_sessions_that_nox_lists(
    workplace: Workplace, programs: Path
) -> None:
    write_program(programs / "nox", """echo '[{"session": "tests"}]'""")
    failed, printed = run_check(workplace, programs, nox=programs / "nox")
    assert failed == ["workflows"]
    assert "there is no workflow build-tiny-binaries.yml" in printed


def test_a_check_changes_nothing(workplace: Workplace, programs: Path) -> None:
    before = workplace.fingerprint()
    run_check(workplace, programs)
    assert workplace.fingerprint() == before
