import pytest

from release_tools.errors import UnknownPlatformError, UnsupportedHostError
from release_tools.platforms import PLATFORMS, Platform, find_platform, host_platform, platform_names


def test_five_platforms_have_unique_names() -> None:
    assert len(set(platform_names())) == len(PLATFORMS) == 5


def test_platform_is_found_by_name(platform: Platform) -> None:
    assert find_platform(platform.name) is platform


def test_runner_label_names_a_fixed_image(platform: Platform) -> None:
    assert "latest" not in platform.runner


def test_only_windows_has_an_exe_in_a_zip(platform: Platform) -> None:
    is_windows = platform.os == "windows"
    assert (platform.executable_suffix == ".exe") == is_windows
    assert (platform.archive_suffix == ".zip") == is_windows


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownPlatformError) as caught:
        find_platform("linux-riscv")
    assert caught.value.name == "linux-riscv"
    assert all(name in caught.value.hint for name in platform_names())


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
def test_host_is_found_by_python_names(system: str, machine: str, name: str) -> None:
    assert host_platform(system, machine).name == name


@pytest.mark.parametrize(("system", "machine"), [("Linux", "riscv64"), ("FreeBSD", "amd64"), ("Windows", "ARM64")])
def test_unsupported_host_is_named(system: str, machine: str) -> None:
    with pytest.raises(UnsupportedHostError) as caught:
        host_platform(system, machine)
    assert (caught.value.system, caught.value.machine) == (system, machine)
