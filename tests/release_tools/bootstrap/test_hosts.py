import shutil
from pathlib import Path

import pytest

from release_tools.bootstrap import hosts
from release_tools.bootstrap.hosts import host_problems, is_emulated, is_translated
from release_tools.errors import CommandFailedError
from release_tools.platforms import PLATFORMS, Platform, find_platform

APPLE_SILICON = find_platform("darwin-arm64")
INTEL_MAC = find_platform("darwin-amd64")
# Four for each platform, but for the one that is translated and the one that is emulated.
WRONG_HOSTS = [
    (platform, host)
    for platform in PLATFORMS
    for host in PLATFORMS
    if host != platform and not is_translated(host, platform) and not is_emulated(host, platform)
]


@pytest.fixture
def _has_rosetta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "capture", lambda *_args, **_kwargs: "")


@pytest.fixture
def _has_no_rosetta(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(args: list[str], **_: object) -> str:
        raise CommandFailedError(args, "ended with exit code 1")

    monkeypatch.setattr(hosts, "capture", fail)


@pytest.mark.usefixtures("has_all_tools")
def test_a_machine_builds_its_own_platform(platform: Platform, tmp_path: Path) -> None:
    assert host_problems(platform, tmp_path, platform) == []


@pytest.mark.parametrize("name", ["linux-amd64", "linux-arm64"])
def test_a_tool_that_pyinstaller_needs_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "objcopy" else name)
    linux = find_platform(name)
    (problem,) = host_problems(linux, tmp_path, linux)
    assert "PyInstaller needs objcopy" in problem.what
    assert "binutils" in problem.hint
    assert host_problems(APPLE_SILICON, tmp_path, APPLE_SILICON) == []


@pytest.mark.parametrize(("platform", "host"), WRONG_HOSTS, ids=lambda row: row.name)
def test_each_of_the_other_machines_is_refused_with_the_ways_out(
    platform: Platform, host: Platform, tmp_path: Path
) -> None:
    (problem,) = host_problems(platform, tmp_path, host)
    assert problem.what == f"this machine is {host.name}, and PyInstaller builds only for the machine it runs on"
    assert f"invoke build --platform {platform.name}\n" in problem.hint
    assert f"nox -s build-{platform.name}\n" in problem.hint
    assert problem.hint.endswith(f"the binary of this machine: nox -s build-{host.name}")


def test_the_machine_that_is_needed_is_named(tmp_path: Path) -> None:
    (problem,) = host_problems(find_platform("windows-amd64"), tmp_path, APPLE_SILICON)
    assert "on a Windows machine on x86-64: nox -s build-windows-amd64" in problem.hint


def test_a_linux_machine_is_told_that_apple_silicon_builds_for_intel_macs_too(tmp_path: Path) -> None:
    (problem,) = host_problems(INTEL_MAC, tmp_path, find_platform("linux-amd64"))
    assert "on a Mac with Apple silicon and Rosetta, by the same command: nox -s build-darwin-amd64" in problem.hint


def test_a_mac_is_told_that_linux_builds_for_arm_in_a_container(tmp_path: Path) -> None:
    (problem,) = host_problems(find_platform("linux-arm64"), tmp_path, APPLE_SILICON)
    assert "on Linux on x86-64 with docker or podman, in a container" in problem.hint


@pytest.mark.usefixtures("_has_rosetta")
def test_apple_silicon_with_rosetta_builds_for_intel_macs(tmp_path: Path) -> None:
    assert host_problems(INTEL_MAC, tmp_path, APPLE_SILICON) == []


@pytest.mark.usefixtures("_has_rosetta")
def test_an_intel_mac_does_not_build_for_apple_silicon(tmp_path: Path) -> None:
    assert len(host_problems(APPLE_SILICON, tmp_path, INTEL_MAC)) == 1


@pytest.mark.usefixtures("_has_no_rosetta")
def test_apple_silicon_without_rosetta_is_told_how_to_get_it(tmp_path: Path) -> None:
    (problem,) = host_problems(INTEL_MAC, tmp_path, APPLE_SILICON)
    assert "no Rosetta" in problem.what
    assert "softwareupdate --install-rosetta" in problem.hint
