import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.bootstrap import environment
from release_tools.bootstrap.environment import create_environment, find_python, isolation, wheel_choice
from release_tools.errors import CommandFailedError
from release_tools.lockfile import LockFile, content_hash
from release_tools.platforms import find_platform, host_platform
from release_tools.processes.run import changed_environment
from release_tools.settings import ReleaseSettings


@pytest.mark.parametrize(
    "name", ["PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "PYTHONINSPECT", "PYTEST_ADDOPTS", "VIRTUAL_ENV"]
)
def test_user_settings_of_python_and_pytest_are_removed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MINE", "1")
    changed = changed_environment(isolation([name, "MINE"]))
    assert name not in changed
    assert changed["MINE"] == "1"


def empty_project(project: Path) -> ReleaseSettings:
    """A project for the running Python without dependencies."""
    (project / ".python-version").write_text(".".join(map(str, sys.version_info[:2])), encoding="utf-8")
    settings = ReleaseSettings.load(project)
    settings.lock_path.write_text(
        f'package = []\n[metadata]\nlock-version = "2.1"\ncontent-hash = "{content_hash(settings.pyproject)}"\n',
        encoding="utf-8",
    )
    return settings


@pytest.mark.programs
def test_half_created_environment_is_recreated(project: Path) -> None:
    settings = empty_project(project)
    folder = settings.build_folder("here") / "kept"
    python = create_environment(settings, folder, ["main"], is_kept=True)
    (folder / "pyvenv.cfg").unlink()
    assert create_environment(settings, folder, ["main"], is_kept=True) == python
    assert (folder / "pyvenv.cfg").is_file()


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="on Windows symbolic links need privileges")
def test_environment_of_a_linked_python_is_kept(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like uv's Python, whose path contains a link to the newest patch release."""
    settings = empty_project(project)
    link = tmp_path / "cpython"
    link.symlink_to(sys.base_prefix)
    monkeypatch.setattr(environment, "find_python", lambda *_: link / "bin" / "python3")
    folder = settings.build_folder("here") / "kept"
    create_environment(settings, folder, ["main"], is_kept=True)
    configuration = folder / "pyvenv.cfg"
    text = configuration.read_text(encoding="utf-8")
    configuration.write_text(re.sub("(?m)^home = .*$", f"home = {link / 'bin'}", text), encoding="utf-8")
    (folder / "mark").touch()
    create_environment(settings, folder, ["main"], is_kept=True)
    assert (folder / "mark").exists()


@pytest.fixture
def installed(project: Path) -> tuple[ReleaseSettings, Path]:
    """A project, and the folder of an environment that may be reused."""
    settings = empty_project(project)
    folder = settings.build_folder("here") / "environment"
    create_environment(settings, folder, ["main"], is_reused=True)
    # Isn't there any more once the environment is created again, and doesn't count itself.
    (folder / "__pycache__").mkdir()
    return settings, folder


def is_reused(settings: ReleaseSettings, folder: Path) -> bool:
    create_environment(settings, folder, ["main"], is_reused=True)
    return (folder / "__pycache__").exists()


def site_packages(folder: Path) -> Path:
    return next(folder.rglob("site-packages"))


@pytest.mark.programs
def test_untouched_environment_is_reused(installed: tuple[ReleaseSettings, Path]) -> None:
    assert is_reused(*installed)
    create_environment(*installed, ["main"])
    assert not (installed[1] / "__pycache__").exists()


@pytest.mark.programs
@pytest.mark.parametrize(
    "touch",
    [
        lambda folder: (site_packages(folder) / "added.py").touch(),
        lambda folder: (site_packages(folder) / "added").mkdir(),
        lambda folder: (folder / "requirements.txt").write_text("edited", encoding="utf-8"),
        lambda folder: (folder / "requirements.txt").unlink(),
        lambda folder: (folder / "pyvenv.cfg").unlink(),
        lambda folder: (folder / "installed.json").unlink(),
        lambda folder: (folder / "installed.json").write_text("{", encoding="utf-8"),
        lambda folder: (folder / "installed.json").write_text("[]", encoding="utf-8"),
        lambda folder: (folder / "installed.json").write_text('["", ""]', encoding="utf-8"),
    ],
)
def test_changed_environment_is_created_again(
    installed: tuple[ReleaseSettings, Path], touch: Callable[[Path], object]
) -> None:
    touch(installed[1])
    assert not is_reused(*installed)


@pytest.mark.programs
@pytest.mark.parametrize("changed", ["lock", "wheels", "python", "library"])
def test_environment_made_from_something_else_is_created_again(
    installed: tuple[ReleaseSettings, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    settings, folder = installed
    match changed:
        case "lock":
            monkeypatch.setattr(LockFile, "requirements", lambda *_, **__: "# another lock\n")
        case "wheels":
            monkeypatch.setattr(environment, "wheel_choice", lambda *_: (("--no-config",), {}))
        case "python":
            link = tmp_path / "python3"
            link.symlink_to(sys.executable)
            monkeypatch.setattr(environment, "find_python", lambda *_: link)
        case _:
            monkeypatch.setattr(environment, "__file__", str(tmp_path / "environment.py"))
    create_environment(settings, folder, ["main"], is_reused=True, platform=host_platform())
    assert not (folder / "__pycache__").exists()


def limited(settings: ReleaseSettings, glibc_floor: str) -> ReleaseSettings:
    return dataclasses.replace(settings, glibc_floor=glibc_floor, macos_minimum="11.0")


@pytest.mark.parametrize(
    ("floor", "name", "target"),
    [
        ("2.28", "linux-amd64", "x86_64-manylinux_2_28"),
        ("2.28", "linux-arm64", "aarch64-manylinux_2_28"),
        ("2.17", "linux-amd64", "x86_64-manylinux_2_17"),
    ],
)
def test_linux_wheels_match_the_declared_glibc(settings: ReleaseSettings, floor: str, name: str, target: str) -> None:
    assert wheel_choice(limited(settings, floor), find_platform(name)) == (("--python-platform", target), {})


@pytest.mark.parametrize(("name", "target"), [("darwin-arm64", "aarch64"), ("darwin-amd64", "x86_64")])
def test_macos_wheels_match_the_declared_minimum(settings: ReleaseSettings, name: str, target: str) -> None:
    options, env = wheel_choice(limited(settings, "2.28"), find_platform(name))
    assert options == ("--python-platform", f"{target}-apple-darwin")
    assert env == {"MACOSX_DEPLOYMENT_TARGET": "11.0"}


@pytest.mark.parametrize("name", ["darwin-arm64", "linux-amd64", "windows-amd64"])
def test_without_a_declared_minimum_uv_decides(settings: ReleaseSettings, name: str) -> None:
    assert wheel_choice(settings, find_platform(name)) == ((), {})


@pytest.mark.parametrize(
    ("name", "wanted", "commands"),
    [
        ("darwin-arm64", "3.13", ["find"]),
        ("darwin-amd64", "cpython-3.13-macos-x86_64-none", ["find", "install", "find"]),
    ],
)
def test_apple_silicon_downloads_x86_64_python_for_intel(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, name: str, wanted: str, commands: list[str]
) -> None:
    """Fakes uv, which has no x86_64 Python until it downloads one."""
    asked: list[tuple[str, str]] = []

    def install(_root: Path, *args: str) -> None:
        asked.append((args[1], args[-1]))

    def answer(root: Path, *args: str) -> str:
        install(root, *args)
        if len(asked) < len(commands):
            raise CommandFailedError(args, "failed with exit code 2")
        return "/found/python3"

    monkeypatch.setattr(environment, "host_platform", lambda: find_platform("darwin-arm64"))
    monkeypatch.setattr(environment, "_uv_output", answer)
    monkeypatch.setattr(environment, "_uv", install)
    assert find_python(settings, find_platform(name)) == Path("/found/python3")
    assert asked == [(command, wanted) for command in commands]
