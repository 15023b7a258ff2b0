"""The commands that release tasks run, and Invoke's parsing of an option with an optional value."""

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
from release_tools.lockfile import MIRROR_TOOLS, RELEASE_TOOLS
from release_tools.settings import ReleaseSettings

PYTHON = Path("environment") / "python"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of every `python -m release_tools.releasing` in the release environment."""
    commands: list[list[str]] = []

    def make(settings: ReleaseSettings, folder: Path, groups: Sequence[str], *, is_kept: bool) -> Path:
        assert folder.is_relative_to(settings.root / "build")
        is_mirror = folder.name == "mirror-environment"
        assert (tuple(groups), is_kept) == (MIRROR_TOOLS if is_mirror else RELEASE_TOOLS, True)
        return PYTHON

    def run(root: Path, args: Sequence[str]) -> None:
        assert args[:3] == [str(PYTHON), "-m", "release_tools.releasing"]
        assert root.is_dir()
        commands.append(list(args[3:]))

    monkeypatch.setattr(maintenance, "create_tool_environment", make)
    monkeypatch.setattr(maintenance, "run_inside", run)
    return commands


def start(project: Path, monkeypatch: pytest.MonkeyPatch, *line: str) -> None:
    """Run a task with the command line of `invoke`."""
    monkeypatch.setattr(tasks, "ROOT", project)
    named = Collection.from_module(tasks)
    (parsed,) = Parser(contexts=named.to_contexts()).parse_argv(list(line))
    named[parsed.name](Context(), **parsed.as_kwargs)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("release --tag", "release"),
        ("release --tag --dry-run", "release --dry-run"),
        ("release --tag tiny-v1.2.3 --watch", "release --tag=tiny-v1.2.3 --watch"),
        ("release --dry-run --tag=-x", "release --tag=-x --dry-run"),
        ("notes", "notes"),
        ("notes --tag tiny-v1.2.3 --folder /dist", "notes --tag=tiny-v1.2.3 --folder=/dist"),
        ("publish --tag=--help --folder /dist --dry-run", "publish --tag=--help --folder=/dist --dry-run"),
        ("publish --tag tiny-v1 --folder /dist", "publish --tag=tiny-v1 --folder=/dist"),
        ("discard --tag=-x", "discard --tag=-x"),
        ("discard --tag tiny-v1 --yes-really", "discard --tag=tiny-v1 --yes-really"),
        ("status", "status"),
        ("versions", "versions"),
        ("bump minor", "bump --part=minor"),
        ("bump 1.3.0rc1 --dry-run", "bump --part=1.3.0rc1 --dry-run"),
        ("mirror --tag=-x --dry-run", "mirror --tag=-x --dry-run"),
        ("mirror --tag tiny-v1.2.3 --folder /dist", "mirror --tag=tiny-v1.2.3 --folder=/dist"),
        ("yank --tag tiny-v1.2.3 --reason=-x", "yank --tag=tiny-v1.2.3 --reason=-x"),
        ("yank --tag tiny-v1.2.3 --undo", "yank --tag=tiny-v1.2.3 --undo"),
    ],
)
def test_options_reach_the_command_as_one_argument_each(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]], line: str, arguments: str
) -> None:
    start(project, monkeypatch, *line.split())
    assert started == [arguments.split()]


def test_release_without_tag_option_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    with pytest.raises(Exit, match=r"hint: `invoke release --tag`"):
        start(project, monkeypatch, "release", "--dry-run")
    assert started == []


def test_yank_without_reason_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    with pytest.raises(Exit, match="--reason"):
        start(project, monkeypatch, "yank", "--tag", "tiny-v1.2.3")
    assert started == []


def test_check_gets_the_paths_of_uv_and_nox(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setattr(maintenance, "find_uv", lambda: "/somewhere/uv")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_options: None)
    start(project, monkeypatch, "check")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_options: "/somewhere/nox")
    start(project, monkeypatch, "check")
    assert started == [["check", "--uv=/somewhere/uv"], ["check", "--uv=/somewhere/uv", "--nox=/somewhere/nox"]]


def test_release_starts_with_a_stale_lock(
    project: Path, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    metadata = '[metadata]\nlock-version = "2.1"\ncontent-hash = "of another time"\n'
    (project / "poetry.lock").write_text(metadata, encoding="utf-8")
    start(project, monkeypatch, "release", "--tag")
    assert started == [["release"]]
