import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from release_tools.archives import place_archive, sha256_of, write_checksum
from release_tools.bootstrap import sessions
from release_tools.bootstrap.up_to_date import STAMP, digest_of_inputs
from release_tools.errors import VerificationError
from release_tools.platforms import host_platform
from release_tools.settings import ReleaseSettings

HOST = host_platform()


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python with a standard library, which the tests may change."""
    python = tmp_path / "python" / "bin" / "python3.13"
    library = tmp_path / "python" / "lib" / "python3.13" / "json" / "__init__.py"
    for path in (python, library):
        path.parent.mkdir(parents=True)
        path.write_text("3.13.1", encoding="utf-8")
    return python


@pytest.fixture
def digest(locked_project: Path, python: Path) -> Callable[..., str | None]:
    """Digests what a build of the project reads."""
    uv = python.with_name("uv")
    uv.touch()

    def read(*options: str, **variables: str) -> str | None:
        settings = ReleaseSettings.load(locked_project)
        environment = {"PATH": os.defpath, **variables}
        return digest_of_inputs(settings, HOST, options, python=python, uv=uv, environment=environment)

    (locked_project / "tiny_app").mkdir()
    (locked_project / "tiny_app" / "cli.py").write_text("def main(): pass\n", encoding="utf-8")
    return read


def change(path: Path, text: str = "changed") -> Callable[[], object]:
    def act() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return act


@pytest.mark.parametrize(
    "name",
    [
        "tiny_app/cli.py",
        "tiny_app/new.py",
        "poetry.lock",
        "pyproject.toml",
        ".python-version",
        "LICENSE",
        "release_tools/pipeline.py",
        "tests/black_box/test_run.py",
        "ignored.by.git",
        "build/elsewhere/data.txt",
    ],
)
def test_changed_file_changes_the_inputs(digest: Callable[..., str], locked_project: Path, name: str) -> None:
    before = digest()
    path = locked_project / name
    change(path, path.read_text(encoding="utf-8") + "\n" if path.exists() else "new")()
    assert digest() not in (before, None)


def test_deleted_renamed_and_executable_files_change_the_inputs(
    digest: Callable[..., str], locked_project: Path
) -> None:
    path = locked_project / "tiny_app" / "cli.py"
    seen = [digest()]
    if os.name != "nt":
        path.chmod(0o755)
        seen.append(digest())
    path = path.rename(path.with_name("other.py"))
    seen.append(digest())
    path.unlink()
    seen.append(digest())
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    "name",
    [
        f"build/{HOST.name}/record.json",
        "dist/tiny.tar.gz",
        "tiny_app/__pycache__/cli.pyc",
        ".git/index",
        ".cache/CACHEDIR.TAG",
        ".venv/pyvenv.cfg",
        "python/CACHEDIR.TAG",
    ],
)
def test_output_and_caches_are_no_inputs(digest: Callable[..., str], locked_project: Path, name: str) -> None:
    before = digest()
    change(locked_project / name)()
    assert digest() == before


@pytest.mark.parametrize("name", ["bin/python3.13", "bin/uv", "lib/python3.13/json/__init__.py", "lib/python3.13/a.py"])
def test_another_python_or_uv_changes_the_inputs(digest: Callable[..., str], tmp_path: Path, name: str) -> None:
    before = digest()
    change(tmp_path / "python" / name, "another one")()
    assert digest() not in (before, None)


def test_variables_that_programs_get_change_the_inputs(digest: Callable[..., str], tmp_path: Path) -> None:
    active = tmp_path / "active" / "bin"
    change(tmp_path / "active" / "pyvenv.cfg")()
    before = digest()
    assert digest(SSH_TTY="/dev/pts/1", OLDPWD="/", VIRTUAL_ENV="/x", PYTHONDONTWRITEBYTECODE="1") == before
    assert digest(PATH=os.pathsep.join([str(active), os.defpath])) == before
    assert digest(PATH=str(tmp_path)) != before
    assert digest(LANG="de_DE.UTF-8") != before
    assert digest("v1.2.3") != before


def test_unreadable_inputs_have_no_digest(digest: Callable[..., str | None], tmp_path: Path) -> None:
    (tmp_path / "python" / "lib").rename(tmp_path / "python" / "moved")
    assert digest() is None


@pytest.fixture
def builds(locked_project: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The calls of the pipeline, which leaves an archive as a build does; no environment is created."""
    settings = ReleaseSettings.load(locked_project)
    folder = settings.build_folder(HOST.name)
    calls: list[Sequence[str]] = []

    def build(_root: Path, args: Sequence[str]) -> None:
        calls.append(args)
        staged = folder / f"tiny-{args[args.index('--version') + 1]}-{HOST.name}{HOST.archive_suffix}"
        staged.write_text(f"archive {len(calls)}", encoding="utf-8")
        write_checksum(staged)
        place_archive(staged, settings.dist_folder)
        (folder / "record.json").write_text("{}", encoding="utf-8")

    def environment(*_: Any, **__: Any) -> Path:
        return Path(sys.executable)

    monkeypatch.setattr(sessions, "run_inside", build)
    monkeypatch.setattr(sessions, "create_environment", environment)
    monkeypatch.setattr(sessions, "create_tool_environment", environment)
    monkeypatch.setattr(sessions, "install_project", environment)
    monkeypatch.setattr(sessions, "find_python", lambda *_: python)
    monkeypatch.setattr(sessions, "find_uv", lambda: str(python))
    return calls


pytestmark = pytest.mark.usefixtures("has_all_tools")


def run(root: Path, *arguments: str) -> None:
    sessions.build(root, HOST.name, arguments)


def test_second_build_names_the_archive_and_builds_nothing(
    locked_project: Path, builds: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    run(locked_project)
    capsys.readouterr()
    run(locked_project)
    (archive,) = (path for path in (locked_project / "dist").iterdir() if path.suffix != ".sha256")
    output = capsys.readouterr().out
    assert len(builds) == 1
    assert archive.name in output
    assert sha256_of(archive) in output


def test_forced_build_is_made(locked_project: Path, builds: list[Sequence[str]]) -> None:
    run(locked_project)
    run(locked_project, "--force")
    assert len(builds) == 2


def test_version_is_always_built(
    locked_project: Path, builds: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "build_problems", lambda *_: [])
    for _ in range(2):
        run(locked_project, "--version", "v1.2.3")
    assert len(builds) == 2


@pytest.mark.parametrize("suffix", [HOST.archive_suffix, ".sha256", "record.json"])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_changed_output_is_built_again(
    locked_project: Path, builds: list[Sequence[str]], suffix: str, is_deleted: bool
) -> None:
    run(locked_project)
    (path,) = (
        path
        for folder in (locked_project / "dist", locked_project / "build" / HOST.name)
        for path in folder.iterdir()
        if path.name.endswith(suffix) and (folder.name == "dist" or path.name == "record.json")
    )
    if is_deleted:
        path.unlink()
    else:
        path.write_text("damaged", encoding="utf-8")
    run(locked_project)
    assert len(builds) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1}', '{"schema": 1, "inputs": "", "files": {}}'])
def test_damaged_stamp_is_not_believed(locked_project: Path, builds: list[Sequence[str]], text: str) -> None:
    run(locked_project)
    (locked_project / "build" / HOST.name / STAMP).write_text(text, encoding="utf-8")
    run(locked_project)
    assert len(builds) == 2


def test_stamp_of_another_archive_is_not_believed(locked_project: Path, builds: list[Sequence[str]]) -> None:
    run(locked_project)
    stamp = locked_project / "build" / HOST.name / STAMP
    content = json.loads(stamp.read_text(encoding="utf-8"))
    content["files"] = {name: digest for name, digest in content["files"].items() if name.endswith("record.json")}
    stamp.write_text(json.dumps(content), encoding="utf-8")
    run(locked_project)
    assert len(builds) == 2


def test_edit_during_a_build_is_built_next_time(
    locked_project: Path,
    builds: list[Sequence[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def edit(*_: object) -> None:
        (locked_project / "app.py").write_text("edited during the build", encoding="utf-8")

    monkeypatch.setattr(sessions, "install_project", edit)
    run(locked_project)
    assert "changed" in capsys.readouterr().out
    run(locked_project)
    run(locked_project)
    assert len(builds) == 2


def test_refused_build_leaves_no_stamp(
    locked_project: Path, builds: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(locked_project)

    def refuse(*_: object) -> None:
        raise VerificationError(locked_project, ["version"])

    monkeypatch.setattr(sessions, "run_inside", refuse)
    with pytest.raises(VerificationError):
        run(locked_project, "--force")
    assert not (locked_project / "build" / HOST.name / STAMP).exists()
    assert len(builds) == 1
