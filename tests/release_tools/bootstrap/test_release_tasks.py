"""What `invoke release`, `notes` and `check` start, and how Invoke reads an option that may stand without a value."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser import Parser

import tasks
from release_tools.bootstrap import tasks as maintenance
from release_tools.lockfile import RELEASE_GROUPS
from release_tools.settings import ReleaseSettings

PYTHON = Path("environment") / "python"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is started inside the environment for releasing, after `python -m release_tools.releasing`."""
    commands: list[list[str]] = []

    def make(settings: ReleaseSettings, folder: Path, groups: Sequence[str], *, is_kept: bool) -> Path:
        assert folder.is_relative_to(settings.root / "build")
        assert (tuple(groups), is_kept) == (RELEASE_GROUPS, True)
        return PYTHON

    def run(root: Path, args: Sequence[str]) -> None:
        assert args[:3] == [str(PYTHON), "-m", "release_tools.releasing"]
        assert root.is_dir()
        commands.append(list(args[3:]))

    monkeypatch.setattr(maintenance, "create_environment", make)
    monkeypatch.setattr(maintenance, "run_inside", run)
    return commands


def start(project: Path, monkeypatch: pytest.MonkeyPatch, *line: str) -> None:
    """Run a task as `invoke` with these words would."""
    monkeypatch.setattr(tasks, "ROOT", project)
    named = Collection.from_module(tasks)
    (parsed,) = Parser(contexts=named.to_contexts()).parse_argv(list(line))
    named[parsed.name](Context(), **parsed.as_kwargs)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        (["--tag"], []),
        (["--tag", "--dry-run"], ["--dry-run"]),
        (["--tag", "tiny-v1.2.3", "--watch"], ["--tag=tiny-v1.2.3", "--watch"]),
        (["--dry-run", "--tag=-x"], ["--tag=-x", "--dry-run"]),
        (["--tag", ""], ["--tag="]),
    ],
)
def test_a_tag_stays_one_argument_and_may_be_left_to_the_version(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]], line: list[str], arguments: list[str]
) -> None:
    start(project, monkeypatch, "release", *line)
    assert started == [["release", *arguments]]


def test_a_release_without_a_tag_is_refused_before_any_work(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    with pytest.raises(Exit, match=r"no tag was asked for\nhint: `invoke release --tag` takes the version"):
        start(project, monkeypatch, "release", "--dry-run")
    assert started == []


def test_notes_are_asked_for_with_a_tag_and_a_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]], tmp_path: Path
) -> None:
    start(project, monkeypatch, "notes")
    start(project, monkeypatch, "notes", "--tag", "tiny-v1.2.3", "--folder", str(tmp_path))
    assert started == [["notes"], ["notes", "--tag=tiny-v1.2.3", f"--folder={tmp_path}"]]


def test_the_check_is_told_which_uv_made_its_environment_and_which_nox_is_there(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setattr(maintenance, "find_uv", lambda: "/somewhere/uv")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_options: None)
    start(project, monkeypatch, "check")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_options: "/somewhere/nox")
    start(project, monkeypatch, "check")
    assert started == [["check", "--uv=/somewhere/uv"], ["check", "--uv=/somewhere/uv", "--nox=/somewhere/nox"]]


def test_a_stale_lock_does_not_keep_the_release_from_naming_it_with_everything_else(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    metadata = '[metadata]\nlock-version = "2.1"\ncontent-hash = "of another time"\n'
    (project / "poetry.lock").write_text(metadata, encoding="utf-8")
    start(project, monkeypatch, "release", "--tag")
    assert started == [["release"]]
