import pytest

from release_tools.errors import UnknownPlatformError, UnsupportedHostError
from release_tools.platforms import PLATFORMS, Platform, find_platform, host_platform, platform_names


def test_there_are_five_platforms_with_names_of_their_own() -> None:
    assert len(set(platform_names())) == len(PLATFORMS) == 5


def test_every_platform_is_found_by_its_name(platform: Platform) -> None:
    assert find_platform(platform.name) is platform


def test_no_runner_label_moves(platform: Platform) -> None:
    assert "latest" not in platform.runner


def test_only_windows_has_a_suffix_and_a_zip(platform: Platform) -> None:
    is_windows = platform.os == "windows"
    assert (platform.executable_suffix == ".exe") == is_windows
    assert (platform.archive_suffix == ".zip") == is_windows


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownPlatformError, match=r"unknown platform 'linux-riscv'\nhint: .*darwin-arm64, .*windows"):
        find_platform("linux-riscv")


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Darwin", "arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "darwin-amd64"),
        ("Linux", "x86_64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Windows", "AMD64", "windows-amd64"),
    ],
)
def test_the_host_is_told_by_what_python_calls_it(system: str, machine: str, name: str) -> None:
    assert host_platform(system, machine).name == name


@pytest.mark.parametrize(("system", "machine"), [("Linux", "riscv64"), ("FreeBSD", "amd64"), ("Windows", "ARM64")])
def test_a_host_without_a_row_is_an_error_that_names_it(system: str, machine: str) -> None:
    with pytest.raises(UnsupportedHostError, match=rf"{system} on {machine}"):
        host_platform(system, machine)
