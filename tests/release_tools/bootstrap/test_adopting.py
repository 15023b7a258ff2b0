import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.bootstrap.adopted_settings import with_ignored_folders
from release_tools.bootstrap.adopting import RECORD, adopt
from release_tools.errors import EditedFilesError, ProblemsFoundError, RequestError
from release_tools.freeze.pyinstaller import SPEC
from release_tools.lockfile import TOOLS_LOCK, read_lock_file
from release_tools.platforms import PLATFORMS
from release_tools.releasing.github.workflows import build_workflow_path, workflow_problems
from release_tools.settings import ReleaseSettings

REPOSITORY = Path(__file__).parents[3]
PYPROJECT = """
[project]
name = "greeter"  # a comment
version = "1.0"
dependencies = []

[project.scripts]
greet = "greeter.cli:main"

[build-system]
requires = ["poetry-core>=2"]
build-backend = "poetry.core.masonry.api"
"""
A_FILE = "release_tools/platforms.py"
WORKFLOW = ".github/workflows/build-greet-binaries.yml"

pytestmark = pytest.mark.programs

Adopt = Callable[..., list[str]]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Another project, in a git repository."""
    folder = tmp_path / "greeter"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "test_it.py").touch()
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small project that the library comes from."""
    root = tmp_path / "source"
    files = {
        "pyproject.toml": PYPROJECT.replace("greet", "agent").replace("agenter", "agent"),
        ".python-version": "3.13\n",
        "LICENSE": "Free.\n",
        "tasks.py": "import release_tools\n",
        A_FILE: "one = 1\n",
        "release_tools/old.py": "",
        ".github/actions/build-binary/action.yml": "name: build\n",
        ".github/workflows/build-agent-binaries.yml": "name: agent agents agent-v\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def run(source: Path, target: Path) -> Adopt:
    """Adopts, and returns what it reports."""

    def start(*arguments: str, root: Path = source) -> list[str]:
        lines: list[str] = []
        adopt(root, [str(target), *arguments], lines.append, invoked_from=root)
        return lines

    return start


def problems_of(run: Adopt, *arguments: str) -> str:
    with pytest.raises(ProblemsFoundError) as caught:
        run(*arguments)
    return "\n".join(problem.what for problem in caught.value.problems)


def contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_adopted_project_has_working_settings_and_workflow(run: Adopt, target: Path) -> None:
    run(root=REPOSITORY)
    settings = ReleaseSettings.load(target)
    assert (settings.executable, settings.python_version) == ("greet", ReleaseSettings.load(REPOSITORY).python_version)
    sessions = {f"build-{platform.name}" for platform in PLATFORMS}
    assert workflow_problems(settings, read_lock_file(TOOLS_LOCK), sessions) == []
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "--list", "--json", "--keywords", "not _"],
        cwd=target,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert {"build", "wheels", "reproduce", "bench"} <= {entry["session"] for entry in json.loads(listed.stdout)}
    assert "agent-runner" not in build_workflow_path(settings).read_text(encoding="utf-8")


def test_pyproject_keeps_its_text(run: Adopt, target: Path) -> None:
    run()
    text = (target / "pyproject.toml").read_text(encoding="utf-8")
    assert text.startswith(PYPROJECT.rstrip())
    added = tomllib.loads(text)
    assert added["tool"]["release-tools"] == {"executable": "greet"}
    assert added["dependency-groups"]["test"] == ["pytest>=9,<10"]
    assert added["tool"]["poetry"]["group"]["test"] == {"optional": True}
    example = re.sub(r"(?m)^# (?=[a-z-]+ = )", "", text)
    assert tomllib.loads(example)["tool"]["release-tools"]["test-binary-variable"] == "GREET_BINARY"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("[dependency-groups] # mine\ndev = []\n", {"dev": [], "test": ["pytest>=9,<10"]}),
        ("[dependency-groups]\ntest = ['nose']\n", {"test": ["nose"]}),
        ("[tool.poetry.group.test.dependencies]\nnose = '*'\n", {}),
    ],
)
def test_group_is_added_to_those_there_are(run: Adopt, target: Path, extra: str, expected: dict[str, object]) -> None:
    (target / "pyproject.toml").write_text(PYPROJECT + extra, encoding="utf-8")
    run()
    text = (target / "pyproject.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text).get("dependency-groups", {}) == expected


def test_what_cannot_be_added_is_left_to_the_owner(run: Adopt, target: Path) -> None:
    (target / "pyproject.toml").write_text("dependency-groups = {dev = []}\n" + PYPROJECT, encoding="utf-8")
    lines = run()
    assert any("[dependency-groups]" in line for line in lines)
    assert "test" not in tomllib.loads((target / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]


def test_line_ends_and_ignored_folders_are_kept(run: Adopt, target: Path) -> None:
    (target / "pyproject.toml").write_bytes(PYPROJECT.replace("\n", "\r\n").encode())
    (target / ".gitignore").write_text("dist\n*.log\n", encoding="utf-8")
    run()
    assert b"\n" not in (target / "pyproject.toml").read_bytes().replace(b"\r\n", b"")
    lines = (target / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["dist", "*.log"]
    assert sorted(lines[2:]) == sorted(["/build/", "/.venv/", "/.nox/", "__pycache__/"])
    assert with_ignored_folders("\n".join(lines)) == "\n".join(lines)


def test_library_is_not_ignored(run: Adopt, source: Path, target: Path) -> None:
    (source / "release_tools" / "freeze").mkdir()
    (source / "release_tools" / "freeze" / SPEC.name).touch()
    (target / ".gitignore").write_text("*.py[cod]\n*.spec\n", encoding="utf-8")
    run()
    subprocess.run(["git", "-C", target, "add", "--all"], check=True)
    listed = subprocess.run(
        ["git", "-C", target, "ls-files", "release_tools"], check=True, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()
    assert {name for name in contents(target) if name.startswith("release_tools/")} == set(listed)
    assert run() == ["everything is up to date"]


def test_second_run_changes_nothing(run: Adopt, target: Path) -> None:
    run()
    before = contents(target)
    assert run() == ["everything is up to date"]
    assert contents(target) == before


def test_update_changes_only_what_changed(run: Adopt, source: Path, target: Path) -> None:
    run()
    (source / A_FILE).write_text("one = 2\n", encoding="utf-8")
    (source / "release_tools" / "new.py").touch()
    (source / "release_tools" / "old.py").unlink()
    before = contents(target)
    run()
    after = contents(target)
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == {
        A_FILE,
        RECORD,
        "release_tools/new.py",
        "release_tools/old.py",
    }
    assert "release_tools/old.py" not in after


def test_edited_file_that_changed_is_left_and_listed(run: Adopt, source: Path, target: Path) -> None:
    run()
    for name in (A_FILE, "release_tools/old.py", "tasks.py"):
        (target / name).write_text("mine = 1\n", encoding="utf-8")
    (target / WORKFLOW).unlink()
    (source / A_FILE).write_text("one = 2\n", encoding="utf-8")
    (source / "release_tools" / "old.py").unlink()
    (source / "LICENSE").write_text("Freer.\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(EditedFilesError) as caught:
            run()
        # tasks.py and the deleted workflow are as before in the library.
        assert caught.value.names == (A_FILE, "release_tools/old.py")
        assert (target / A_FILE).read_text(encoding="utf-8") == "mine = 1\n"
        assert (target / "tasks.py").read_text(encoding="utf-8") == "mine = 1\n"
        assert not (target / WORKFLOW).exists()
        assert (target / "release_tools" / "LICENSE").read_text(encoding="utf-8") == "Freer.\n"
    run("--force")
    assert (target / A_FILE).read_text(encoding="utf-8") == "one = 2\n"
    assert not (target / "release_tools" / "old.py").exists()
    assert run() == ["everything is up to date"]


def test_caches_and_hidden_files_are_not_copied(run: Adopt, source: Path, target: Path) -> None:
    for name in ("__pycache__/a.pyc", ".mypy_cache/a.json", ".DS_Store"):
        path = source / "release_tools" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    run()
    assert {path.name for path in (target / "release_tools").iterdir()} == {
        *("LICENSE", "adopted.json", "old.py", "platforms.py")
    }


def test_files_that_were_never_copied_are_not_overwritten(run: Adopt, target: Path) -> None:
    (target / "noxfile.py").write_text("import nox\n", encoding="utf-8")
    (target / A_FILE).parent.mkdir()
    (target / A_FILE).write_text("mine = 1\n", encoding="utf-8")
    with pytest.raises(EditedFilesError) as caught:
        run()
    assert caught.value.names == (A_FILE,)
    lines = run("--force")
    assert (target / "noxfile.py").read_text(encoding="utf-8") == "import nox\n"
    assert any("import release_tools.bootstrap.nox_sessions" in line for line in lines)


def test_git_changing_line_ends_is_no_edit(run: Adopt, source: Path, target: Path) -> None:
    run()
    (target / A_FILE).write_bytes(b"one = 1\r\n")
    (source / A_FILE).write_text("one = 2\n", encoding="utf-8")
    run()
    assert (target / A_FILE).read_text(encoding="utf-8") == "one = 2\n"


def test_record_cannot_delete_other_files(run: Adopt, source: Path, target: Path) -> None:
    run()
    record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    outside = source / "LICENSE"
    digest = record["files"]["release_tools/LICENSE"]
    (target / "mine.txt").write_bytes(outside.read_bytes())
    record["files"] |= dict.fromkeys(
        ["mine.txt", "release_tools/../mine.txt", str(outside), "../source/LICENSE"], digest
    )
    (target / RECORD).write_text(json.dumps(record), encoding="utf-8")
    run()
    assert (target / "mine.txt").is_file()
    assert outside.is_file()


@pytest.mark.parametrize("name", ["release_tools", ".github", ".gitignore", "pyproject.toml", A_FILE])
def test_symbolic_links_are_not_followed(run: Adopt, target: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    link = target / name
    link.parent.mkdir(exist_ok=True)
    if link.suffix or name == ".gitignore":
        outside.write_text(PYPROJECT if name == "pyproject.toml" else "", encoding="utf-8")
        link.unlink(missing_ok=True)
    else:
        outside.mkdir()
    link.symlink_to(outside)
    before = contents(tmp_path)
    assert f"{name} is a symbolic link" in problems_of(run)
    assert contents(tmp_path) == before


def test_folder_in_place_of_a_file_is_refused(run: Adopt, target: Path) -> None:
    (target / "tasks.py").mkdir()
    (target / ".github").touch()
    problems = problems_of(run)
    assert "tasks.py is a folder" in problems
    assert ".github is a file" in problems


def write(target: Path, text: str) -> None:
    (target / "pyproject.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("poetry.core.masonry.api", "hatchling.build", "hatchling.build"),
        ('greet = "greeter.cli:main"', "", "no command"),
        ('greet = "greeter.cli:main"', 'a = "a:a"\nb = "b:b"', "a, b"),
        ('greet = "greeter.cli:main"', '"a/b" = "a:a"', "'a/b'"),
        ("[project]", "[project", "TOML"),
    ],
)
def test_unsuitable_project_is_refused_untouched(run: Adopt, target: Path, old: str, new: str, said: str) -> None:
    write(target, PYPROJECT.replace(old, new))
    before = contents(target)
    assert said in problems_of(run)
    assert contents(target) == before


def test_several_problems_are_reported_at_once(run: Adopt, target: Path) -> None:
    (target / ".git").rename(target / "git")
    write(target, PYPROJECT.replace("poetry.core.masonry.api", "x").replace('greet = "greeter.cli:main"', ""))
    assert len(problems_of(run).splitlines()) == 3


def test_command_is_chosen_among_several(run: Adopt, target: Path) -> None:
    scripts = 'greet = "greeter.cli:main"\nother = "greeter.cli:other"'
    write(target, PYPROJECT.replace('greet = "greeter.cli:main"', scripts))
    assert "no command 'third'" in problems_of(run, "--executable", "third")
    run("--executable", "other")
    assert ReleaseSettings.load(target).executable == "other"
    assert "executable = 'other'" in problems_of(run, "--executable", "greet")
    run()


def test_project_is_relative_to_where_nox_was_invoked(source: Path, target: Path) -> None:
    adopt(source, ["."], print, invoked_from=target)
    assert (target / RECORD).is_file()


def test_own_folder_and_missing_project_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, said in ((source, "come from"), (tmp_path / "empty", "pyproject.toml"), (tmp_path / "no", "no such")):
        with pytest.raises(RequestError) as caught:
            adopt(source, [str(folder)], print, invoked_from=source)
        (problem,) = caught.value.problems
        assert said in problem.what
