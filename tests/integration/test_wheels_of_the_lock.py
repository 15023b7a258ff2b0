"""What the wheel check says of the real lock is what the real installer does, for all five platforms on any machine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.bootstrap.environment import wheel_choice
from release_tools.lockfile import APP_GROUPS, BUILD_TOOLS, TOOLS_LOCK, read_lock_file
from release_tools.platforms import PLATFORMS, Platform
from release_tools.preflight.wheels import packages_for
from release_tools.processes.run import changed_environment
from release_tools.settings import ReleaseSettings

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize(("path", "groups"), [(REPOSITORY / "poetry.lock", APP_GROUPS), (TOOLS_LOCK, BUILD_TOOLS)])
@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_uv_installs_the_packages_of_the_wheel_check(
    platform: Platform, tmp_path: Path, path: Path, groups: tuple[str, ...]
) -> None:
    settings = ReleaseSettings.load(REPOSITORY)
    lock = read_lock_file(path)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(lock.requirements(groups), encoding="utf-8")
    options, env = wheel_choice(settings, platform)
    options = options or ("--python-platform", "x86_64-pc-windows-msvc")
    command = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--no-build", "--no-deps", "--require-hashes"]
    command += ["--python-version", "3.13", "--target", str(tmp_path / "target"), *options, "-r", str(requirements)]
    finished = subprocess.run(
        command, env=changed_environment(env), capture_output=True, text=True, check=False, timeout=240
    )
    assert finished.returncode == 0, finished.stderr
    installed = set(re.findall(r"^ \+ (\S+)==(\S+)$", finished.stderr, re.MULTILINE))
    assert installed == {(package.name, package.version) for package in packages_for(settings, lock, groups, platform)}
