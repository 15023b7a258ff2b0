import shutil
from pathlib import Path

import pytest

from release_tools.bootstrap import hosts
from release_tools.bootstrap.hosts import host_problems, is_emulated, is_translated
from release_tools.errors import CommandFailedError
from release_tools.platforms import PLATFORMS, Platform, find_platform

APPLE_SILICON = find_platform("darwin-arm64")
INTEL_MAC = find_platform("darwin-amd64")
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
        raise CommandFailedError(args, "failed with exit code 1")

    monkeypatch.setattr(hosts, "capture", fail)


@pytest.mark.usefixtures("has_all_tools")
def test_host_builds_its_own_platform(platform: Platform, tmp_path: Path) -> None:
    assert host_problems(platform, tmp_path, platform) == []


@pytest.mark.parametrize("name", ["linux-amd64", "linux-arm64"])
def test_missing_tool_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "objcopy" else name)
    linux = find_platform(name)
    (problem,) = host_problems(linux, tmp_path, linux)
    assert "objcopy" in problem.what
    assert "binutils" in problem.hint
    assert host_problems(APPLE_SILICON, tmp_path, APPLE_SILICON) == []


@pytest.mark.parametrize(("platform", "host"), WRONG_HOSTS, ids=lambda row: row.name)
def test_wrong_host_gets_every_alternative(platform: Platform, host: Platform, tmp_path: Path) -> None:
    (problem,) = host_problems(platform, tmp_path, host)
    assert host.name in problem.what
    assert f"invoke build --platform {platform.name}\n" in problem.hint
    assert f"nox -s build-{platform.name}\n" in problem.hint
    assert problem.hint.endswith(f"nox -s build-{host.name}")


@pytest.mark.parametrize(
    ("name", "host", "alternative"),
    [
        ("windows-amd64", "darwin-arm64", "on a Windows machine on x86-64: "),
        ("darwin-amd64", "linux-amd64", "on a Mac with Apple silicon and Rosetta: "),
        ("linux-arm64", "darwin-arm64", "docker or podman: "),
    ],
)
def test_machines_that_can_build_are_named(tmp_path: Path, name: str, host: str, alternative: str) -> None:
    (problem,) = host_problems(find_platform(name), tmp_path, find_platform(host))
    assert alternative in problem.hint


@pytest.mark.usefixtures("_has_rosetta")
def test_apple_silicon_with_rosetta_builds_for_intel(tmp_path: Path) -> None:
    assert host_problems(INTEL_MAC, tmp_path, APPLE_SILICON) == []


@pytest.mark.usefixtures("_has_rosetta")
def test_intel_mac_cannot_build_for_apple_silicon(tmp_path: Path) -> None:
    assert len(host_problems(APPLE_SILICON, tmp_path, INTEL_MAC)) == 1


@pytest.mark.usefixtures("_has_no_rosetta")
def test_missing_rosetta_is_reported_with_its_installation(tmp_path: Path) -> None:
    (problem,) = host_problems(INTEL_MAC, tmp_path, APPLE_SILICON)
    assert "softwareupdate --install-rosetta" in problem.hint
