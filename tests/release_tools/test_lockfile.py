import tomllib
from pathlib import Path
from typing import Any

import pytest

from release_tools.errors import LockFileError
from release_tools.lockfile import content_hash, is_stale, read_lock_file

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


def test_a_lock_made_by_poetry_from_this_pyproject_is_not_stale() -> None:
    assert not is_stale(read_lock_file(REPOSITORY / "poetry.lock"), repository_pyproject())


@pytest.mark.parametrize("table", ["project", "group"])
def test_a_dependency_added_after_the_lock_makes_it_stale(table: str) -> None:
    changed = repository_pyproject()
    target = changed["project"]["dependencies"] if table == "project" else changed["dependency-groups"]["build"]
    target.append("requests")
    assert is_stale(read_lock_file(REPOSITORY / "poetry.lock"), changed)


def test_a_new_version_of_the_project_does_not_make_the_lock_stale() -> None:
    changed = repository_pyproject()
    changed["project"]["version"] = "99.0"
    assert not is_stale(read_lock_file(REPOSITORY / "poetry.lock"), changed)


def test_the_digest_of_a_project_in_poetrys_own_tables_is_the_one_poetry_writes() -> None:
    # The value was written by Poetry 2.5.1 for this table.
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
def test_what_poetry_could_not_have_locked_makes_the_lock_stale(pyproject: dict[str, Any]) -> None:
    assert is_stale(read_lock_file(REPOSITORY / "poetry.lock"), pyproject)


def test_requirements_hold_version_marker_and_every_hash(tmp_path: Path) -> None:
    path = write_lock(tmp_path, package("Some_Name", extra='markers = "sys_platform == \\"win32\\""', hashes="cafe"))
    expected = 'some-name==1.0 ; sys_platform == "win32" \\\n    --hash=sha256:cafe\n'
    assert read_lock_file(path).requirements(["main"]) == expected


def test_only_the_groups_that_were_asked_for_are_required(tmp_path: Path) -> None:
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
def test_a_package_is_required_where_any_of_the_groups_needs_it(tmp_path: Path, groups: list[str], marker: str) -> None:
    markers = 'markers = {main = "sys_platform == \\"win32\\"", build = "python_version < \\"3\\""}'
    path = write_lock(tmp_path, package("alpha", groups='["main", "build", "test"]', extra=markers))
    assert read_lock_file(path).packages[0].marker_for(groups) == marker


def test_a_missing_lock_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LockFileError, match=r"there is no such file\nhint: make it with: poetry lock"):
        read_lock_file(tmp_path / "poetry.lock")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("= broken", "cannot be read"),
        (HEADER.replace("2.1", "1.1"), "lock-version 1.1, not 2.1"),
        ("", "not laid out as Poetry writes it"),
        ("[[package]]\n" + HEADER, "not laid out as Poetry writes it"),
        ("package = 3\n" + HEADER, "not laid out as Poetry writes it"),
        ("a = " + "[" * 9999, "cannot be read"),
    ],
)
def test_a_damaged_lock_is_one_clear_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "poetry.lock"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LockFileError, match=message):
        read_lock_file(path)


@pytest.mark.parametrize("kind", ["git", "directory", "url", "file"])
def test_a_package_that_no_hash_covers_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = write_lock(tmp_path, package("alpha", extra=f'[package.source]\ntype = "{kind}"\nurl = "x"\n'))
    with pytest.raises(LockFileError, match=f"alpha 1.0 comes from {kind}"):
        read_lock_file(path)


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
def test_what_poetry_does_not_write_is_refused(tmp_path: Path, entry: str) -> None:
    with pytest.raises(LockFileError, match="is not laid out as Poetry writes it"):
        read_lock_file(write_lock(tmp_path, entry))


def test_a_lock_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LockFileError, match=r"cannot be read \(.*Is a directory"):
        read_lock_file(tmp_path)
