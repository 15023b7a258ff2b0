import errno
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from release_tools import lockfile
from release_tools.errors import LockFileError
from release_tools.lockfile import (
    TOOLS_LOCK,
    content_hash,
    is_stale,
    lock_problems,
    read_lock_file,
    tools_lock_problems,
)
from release_tools.settings import ReleaseSettings

REPOSITORY = Path(__file__).parents[2]
HEADER = '[metadata]\nlock-version = "2.1"\npython-versions = "*"\ncontent-hash = "x"\n'


def package(name: str, *, extra: str = "", groups: str = '["main"]', hashes: str = "ab") -> str:
    files = f'[{{file = "{name}-1-py3-none-any.whl", hash = "sha256:{hashes}"}}]'
    return f'[[package]]\nname = "{name}"\nversion = "1.0"\ngroups = {groups}\nfiles = {files}\n{extra}\n'


def write_lock(folder: Path, *packages: str) -> Path:
    path = folder / "poetry.lock"
    path.write_text("".join(packages) + HEADER, encoding="utf-8")
    return path


def repository_pyproject() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_locks_written_by_poetry_are_up_to_date() -> None:
    assert lock_problems(ReleaseSettings.load(REPOSITORY)) == []


@pytest.mark.parametrize("name", ["poetry.lock", "pyproject.toml"])
def test_missing_lock_of_the_library_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for file in {"poetry.lock", "pyproject.toml"} - {name}:
        shutil.copy(TOOLS_LOCK.with_name(file), tmp_path)
    monkeypatch.setattr(lockfile, "TOOLS_LOCK", tmp_path / "poetry.lock")
    (problem,) = tools_lock_problems()
    assert name in problem.what


def test_stale_lock_of_the_library_names_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockfile, "content_hash", lambda _: "another")
    (problem,) = tools_lock_problems()
    assert problem.what.startswith("release_tools/poetry.lock is stale")
    assert "`poetry -C release_tools lock`" in problem.hint


@pytest.mark.parametrize("table", ["project", "group"])
def test_new_dependency_makes_the_lock_stale(table: str) -> None:
    changed = repository_pyproject()
    target = changed["project"]["dependencies"] if table == "project" else changed["dependency-groups"]["test"]
    target.append("requests")
    assert is_stale(read_lock_file(REPOSITORY / "poetry.lock"), changed)


def test_version_change_keeps_lock_current() -> None:
    changed = repository_pyproject()
    changed["project"]["version"] = "99.0"
    assert not is_stale(read_lock_file(REPOSITORY / "poetry.lock"), changed)


def test_hash_of_legacy_tables_equals_poetrys() -> None:
    # As written by Poetry 2.5.1.
    pyproject = {
        "tool": {"poetry": {"name": "old", "version": "1.0", "dependencies": {"python": "^3.13", "idna": "*"}}}
    }
    assert content_hash(pyproject) == "3c66d41179697076b4de150fde484b9b9c11d2004effe63243c7df8539c58167"


@pytest.mark.parametrize(
    "pyproject",
    [
        {"tool": 3},
        {"tool": {"poetry": 3}, "project": 3, "dependency-groups": 3},
        tomllib.loads("project.dependencies." + "a." * 9999 + "a = 1"),
        {"project": {"dependencies": [tomllib.loads("day = 2026-01-01")["day"]]}},
    ],
)
def test_unlockable_pyproject_makes_the_lock_stale(pyproject: dict[str, Any]) -> None:
    assert is_stale(read_lock_file(REPOSITORY / "poetry.lock"), pyproject)


def test_requirements_contain_version_marker_and_hashes(tmp_path: Path) -> None:
    path = write_lock(tmp_path, package("Some_Name", extra='markers = "sys_platform == \\"win32\\""', hashes="cafe"))
    expected = 'some-name==1.0 ; sys_platform == "win32" \\\n    --hash=sha256:cafe\n'
    assert read_lock_file(path).requirements(["main"]) == expected


def from_file(url: str) -> str:
    return package("thing", extra=f'[package.source]\ntype = "file"\nurl = "{url}"\n')


def test_wheel_in_the_project_is_required_by_path_and_hash(tmp_path: Path) -> None:
    (tmp_path / "my wheels").mkdir()
    wheel = tmp_path / "my wheels" / "thing-1-py3-none-any.whl"
    wheel.touch()
    lock = read_lock_file(write_lock(tmp_path, from_file("my wheels/thing-1-py3-none-any.whl")))
    assert lock.requirements(["main"]) == f"thing @ {wheel.resolve().as_uri()} \\\n    --hash=sha256:ab\n"


@pytest.mark.parametrize("url", ["../thing-1-py3-none-any.whl", "{0}/thing-1-py3-none-any.whl", "a/thing.tar.gz", ""])
def test_file_outside_the_project_or_no_wheel_is_refused(tmp_path: Path, url: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "thing-1-py3-none-any.whl").touch()
    with pytest.raises(LockFileError) as caught:
        read_lock_file(write_lock(project, from_file(url.format(tmp_path))))
    assert "[tool.poetry.dependencies]" in caught.value.hint


def test_path_of_a_wheel_that_no_system_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LockFileError):
        read_lock_file(write_lock(tmp_path, from_file(r"thing\u0000.whl")))


def test_link_to_a_wheel_outside_the_project_is_refused(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "outside.whl").touch()
    (project / "thing-1-py3-none-any.whl").symlink_to(tmp_path / "outside.whl")
    with pytest.raises(LockFileError):
        read_lock_file(write_lock(project, from_file("thing-1-py3-none-any.whl")))


def test_missing_wheel_of_the_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(LockFileError) as caught:
        read_lock_file(write_lock(tmp_path, from_file("wheels/thing-1-py3-none-any.whl")))
    assert "wheels/thing-1-py3-none-any.whl" in caught.value.reason


def test_requirements_contain_only_the_given_groups(tmp_path: Path) -> None:
    path = write_lock(tmp_path, package("alpha"), package("beta", groups='["build", "test"]'))
    lock = read_lock_file(path)
    assert [locked.name for locked in lock.packages_of(["test"])] == ["beta"]
    assert lock.requirements(["main"]).startswith("alpha==1.0 \\\n")


@pytest.mark.parametrize(
    ("groups", "marker"),
    [
        (["main"], 'sys_platform == "win32"'),
        (["build"], 'python_version < "3"'),
        (["main", "build"], '(python_version < "3") or (sys_platform == "win32")'),
        (["main", "test"], ""),
    ],
)
def test_markers_of_several_groups_are_combined(tmp_path: Path, groups: list[str], marker: str) -> None:
    markers = 'markers = {main = "sys_platform == \\"win32\\"", build = "python_version < \\"3\\""}'
    path = write_lock(tmp_path, package("alpha", groups='["main", "build", "test"]', extra=markers))
    assert read_lock_file(path).packages[0].marker_for(groups) == marker


def test_missing_lock_suggests_poetry_lock(tmp_path: Path) -> None:
    with pytest.raises(LockFileError) as caught:
        read_lock_file(tmp_path / "poetry.lock")
    assert caught.value.path == tmp_path / "poetry.lock"
    assert caught.value.hint.endswith("poetry lock")


@pytest.mark.parametrize(
    "content",
    [
        "= broken",
        HEADER.replace("2.1", "1.1"),
        "",
        "[[package]]\n" + HEADER,
        "package = 3\n" + HEADER,
        "a = " + "[" * 9999,
    ],
    ids=["TOML", "other version", "empty", "package without a name", "package that is no table", "nesting"],
)
def test_damaged_lock_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "poetry.lock"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LockFileError) as caught:
        read_lock_file(path)
    assert caught.value.path == path


@pytest.mark.parametrize("kind", ["git", "directory", "url"])
def test_package_without_hashes_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = write_lock(tmp_path, package("alpha", extra=f'[package.source]\ntype = "{kind}"\nurl = "x"\n'))
    with pytest.raises(LockFileError) as caught:
        read_lock_file(path)
    assert caught.value.reason.startswith(f"alpha 1.0 comes from {kind},")


@pytest.mark.parametrize(
    "entry",
    [
        package("a", hashes="00\\n--index-url https://elsewhere.example"),
        package("a", extra="markers = [1]"),
        package("a").replace('"1.0"', '"1.0\\n-r /etc/passwd"'),
        package("a").replace('"1.0"', "1.0"),
        package("a", hashes=""),
        package("a").replace("sha256", "none"),
        package("a").replace('"a-1-py3-none-any.whl"', "3"),
        package("a").replace('"a-1-py3-none-any.whl"', '"another-1-py3-none-any.whl"'),
    ],
    ids=["hash", "marker", "version", "number", "no digest", "no algorithm", "file", "wheel of another"],
)
def test_package_in_another_format_is_refused(tmp_path: Path, entry: str) -> None:
    with pytest.raises(LockFileError):
        read_lock_file(write_lock(tmp_path, entry))


def test_unreadable_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LockFileError) as caught:
        read_lock_file(tmp_path)
    assert os.strerror(errno.EISDIR) in caught.value.reason
