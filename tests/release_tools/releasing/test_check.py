import io
import re
import shutil
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from release_tools.releasing.check import check_project
from release_tools.releasing.errors import ChecksFailedError
from tests.release_tools.releasing.project_clone import ProjectClone

pytestmark = pytest.mark.programs

TODAY = date(2026, 11, 23)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH: the real git, and stand-ins that print a recent version."""
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
    clone: ProjectClone, programs: Path, today: date = TODAY, *, nox: Path | None = None
) -> tuple[tuple[str, ...], str]:
    """The names of the failed checks, and the output."""
    output = io.StringIO()
    console = Console(file=output, width=200)
    try:
        check_project(clone.settings, today, programs / "uv", nox, console)
    except ChecksFailedError as error:
        return error.names, output.getvalue()
    return (), output.getvalue()


def test_ready_project_passes_every_check(clone: ProjectClone, programs: Path) -> None:
    failed, printed = run_check(clone, programs)
    assert failed == ()
    assert (printed.count("passed"), printed.count("skipped")) == (10, 1)


def test_failed_checks_are_reported_with_hints(shallow_clone: ProjectClone, programs: Path) -> None:
    files = '[{file = "native-2.0-cp39-cp39-win32.whl", hash = "sha256:1"}]'
    shallow_clone.write_lock(f'[[package]]\nname = "native"\nversion = "2.0"\nfiles = {files}\n')
    text = (shallow_clone.root / "pyproject.toml").read_text(encoding="utf-8")
    shallow_clone.write("pyproject.toml", text.replace("dependencies = []", 'dependencies = ["native"]'))
    write_program(
        programs / "gh", "[ $1 = --version ] && echo 'gh version 2.3.0' && exit; echo 'not logged in' >&2; exit 1"
    )
    write_program(programs / "uv", "exit 1")
    (programs / "objcopy").unlink()
    failed, printed = run_check(shallow_clone, programs, date(2027, 3, 1))
    assert failed == ("gh", "gh login", "uv", "build tools", "locks", "wheels", "history", "runners")
    assert len(re.findall("^hint: ", printed, re.MULTILINE)) == len(failed)
    for part in ("2.3.0", "gh login: not logged in", "objcopy", "poetry.lock", "macos-15-intel"):
        assert part in printed
    assert printed.count("native 2.0") >= 5


def test_missing_program_is_a_failed_check(clone: ProjectClone, programs: Path) -> None:
    (programs / "gh").unlink()
    assert run_check(clone, programs)[0] == ("gh", "gh login")


def test_missing_workflow_is_a_failed_check(clone: ProjectClone, programs: Path) -> None:
    write_program(programs / "nox", """echo '[{"session": "tests"}]'""")
    failed, printed = run_check(clone, programs, nox=programs / "nox")
    assert failed == ("workflows",)
    assert "build-tiny-binaries.yml" in printed


def test_check_changes_nothing(clone: ProjectClone, programs: Path) -> None:
    before = clone.fingerprint()
    run_check(clone, programs)
    assert clone.fingerprint() == before
