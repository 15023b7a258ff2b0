import io
import re
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from release_tools.releasing.check import check_project
from release_tools.releasing.errors import ChecksFailedError
from release_tools.releasing.vulnerabilities import Ask, DatabaseError
from tests.release_tools.releasing.fake_github import FakeRepository, fake_gh
from tests.release_tools.releasing.project_clone import ProjectClone
from tests.release_tools.releasing.publishers import Publisher

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


def nothing_known(_path: str, content: Mapping[str, Any] | None) -> Any:
    """A database without vulnerabilities."""
    return {"results": [{} for _ in content["queries"]]} if content else {}


def unreachable(_path: str, _content: Mapping[str, Any] | None) -> Any:
    raise DatabaseError("no route to host")


def run_check(
    clone: ProjectClone,
    programs: Path,
    today: date = TODAY,
    *,
    nox: Path | None = None,
    ask: Ask = nothing_known,
    repository: FakeRepository | None = None,
) -> tuple[tuple[str, ...], str]:
    """The names of the failed checks, and the output."""
    output = io.StringIO()
    console = Console(file=output, width=200)
    github = Publisher(folder=clone.root, start=fake_gh(repository or FakeRepository({}))).github
    try:
        check_project(clone.settings, github, console, today=today, uv=programs / "uv", nox=nox, ask=ask)
    except ChecksFailedError as error:
        return error.names, output.getvalue()
    return (), output.getvalue()


def test_ready_project_passes_every_check(clone: ProjectClone, programs: Path) -> None:
    failed, printed = run_check(clone, programs)
    assert failed == ()
    assert (printed.count("passed"), printed.count("skipped")) == (12, 1)


def test_settings_of_the_repository_are_shown(clone: ProjectClone, programs: Path) -> None:
    repository = FakeRepository({})
    assert "immutable releases off, or hidden" in run_check(clone, programs, repository=repository)[1]
    repository.makes_immutable = True
    assert "immutable releases off, or hidden" in run_check(clone, programs, repository=repository)[1]
    repository.token.rights |= {"administration:read"}
    assert "immutable releases on" in run_check(clone, programs, repository=repository)[1]
    repository.is_archived = True
    assert run_check(clone, programs, repository=repository)[0] == ("repository",)


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


def add_exception(clone: ProjectClone, expires: str) -> None:
    text = (clone.root / "pyproject.toml").read_text(encoding="utf-8")
    entry = f'{{id = "CVE-1", reason = "nobody calls it", expires = {expires}}}'
    clone.write("pyproject.toml", f"{text}allowed-vulnerabilities = [{entry}]\n")


def known_in_everything(path: str, content: Mapping[str, Any] | None) -> Any:
    if content is None:
        return {"id": path.removeprefix("vulns/"), "summary": "It leaks."}
    return {"results": [{"vulns": [{"id": "CVE-1"}]} for _ in content["queries"]]}


def test_vulnerable_versions_fail_the_check(clone: ProjectClone, programs: Path) -> None:
    failed, printed = run_check(clone, programs, ask=known_in_everything)
    assert failed == ("vulnerabilities",)
    assert "pure 1.0" in printed, "the app's"
    assert "release_tools/poetry.lock: pyinstaller" in printed, "the tools'"


def test_allowed_vulnerability_passes_with_its_date(clone: ProjectClone, programs: Path) -> None:
    add_exception(clone, "2027-01-31")
    failed, printed = run_check(clone, programs, ask=known_in_everything)
    assert failed == ()
    assert "CVE-1 until 2027-01-31" in printed


def test_offline_nothing_is_claimed_about_vulnerabilities(clone: ProjectClone, programs: Path) -> None:
    failed, printed = run_check(clone, programs, ask=unreachable)
    assert failed == ()
    [line] = [line for line in printed.splitlines() if "vulnerabilities" in line]
    assert "skipped" in line
    assert "no route to host" in printed


@pytest.mark.parametrize("ask", [nothing_known, unreachable], ids=["online", "offline"])
def test_expired_exception_fails_the_check(clone: ProjectClone, programs: Path, ask: Ask) -> None:
    add_exception(clone, "2026-11-22")
    failed, printed = run_check(clone, programs, ask=ask)
    assert failed == ("vulnerabilities",)
    assert "2026-11-22" in printed


def test_check_changes_nothing(clone: ProjectClone, programs: Path) -> None:
    before = clone.fingerprint()
    run_check(clone, programs)
    assert clone.fingerprint() == before
