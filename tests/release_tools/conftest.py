"""Unit tests start no programs, except those marked `programs`, and connect only to servers they start: `loopback`."""

import os
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release_tools.lockfile import content_hash
from release_tools.platforms import PLATFORMS, Platform
from release_tools.settings import ReleaseSettings

PYPROJECT = """
[project]
name = "tiny-app"
version = "1.2.3"
requires-python = ">=3.13,<3.14"
dependencies = []

[project.scripts]
tiny = "tiny_app.cli:main"

[build-system]
requires = ["poetry-core>=2"]
build-backend = "poetry.core.masonry.api"

[tool.release-tools]
executable = "tiny"
"""


@pytest.fixture(autouse=True)
def _no_programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        pytest.fail("this unit test starts a program or opens a connection")

    if request.node.get_closest_marker("programs") is None:
        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    if request.node.get_closest_marker("loopback") is None:
        monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session", autouse=True)
def _locked_programs() -> Iterator[None]:
    """Puts the programs of the tests' environment first on the PATH: `gh` comes from the lock."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PATH", os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
        yield


@pytest.fixture(params=PLATFORMS, ids=lambda platform: platform.name)
def platform(request: pytest.FixtureRequest) -> Platform:
    """Every platform in turn."""
    row: Platform = request.param
    return row


@pytest.fixture
def has_all_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which every program is installed."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a minimal project."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (root / ".python-version").write_text("3.13\n", encoding="utf-8")
    (root / "LICENSE").write_text("Free for all.\n", encoding="utf-8")
    return root


@pytest.fixture
def write_lock(project: Path) -> Callable[..., None]:
    """Writes an up-to-date lock with these packages in the group `test`."""

    def write(*names: str) -> None:
        digest = content_hash(ReleaseSettings.load(project).pyproject)
        packages = "".join(
            f'[[package]]\nname = "{name}"\nversion = "1"\ngroups = ["test"]\n'
            'files = [{file = "f", hash = "sha256:00"}]\n'
            for name in names
        )
        (project / "poetry.lock").write_text(
            f'{packages}[metadata]\nlock-version = "2.1"\npython-versions = "*"\ncontent-hash = "{digest}"\n',
            encoding="utf-8",
        )

    return write


@pytest.fixture
def locked_project(project: Path, write_lock: Callable[..., None]) -> Path:
    """The project with an up-to-date lock."""
    write_lock()
    return project


@pytest.fixture
def settings(project: Path) -> ReleaseSettings:
    return ReleaseSettings.load(project)
