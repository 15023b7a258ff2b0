"""The platform table. Workflows, file names and documents are checked against it."""

import platform as running_platform
from dataclasses import dataclass
from typing import Final, Literal

from release_tools.errors import UnknownPlatformError, UnsupportedHostError

OperatingSystem = Literal["darwin", "linux", "windows"]
Architecture = Literal["amd64", "arm64"]
BinaryFormat = Literal["ELF", "MACHO", "PE"]

UPX: Final = "upx"

BINARY_FORMATS: Final[dict[OperatingSystem, BinaryFormat]] = {"darwin": "MACHO", "linux": "ELF", "windows": "PE"}


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A target platform, and the GitHub runner that builds it."""

    os: OperatingSystem
    arch: Architecture
    runner: str

    @property
    def name(self) -> str:
        return f"{self.os}-{self.arch}"

    @property
    def executable_suffix(self) -> str:
        return ".exe" if self.os == "windows" else ""

    @property
    def archive_suffix(self) -> str:
        return ".zip" if self.os == "windows" else ".tar.gz"

    @property
    def binary_format(self) -> BinaryFormat:
        return BINARY_FORMATS[self.os]

    @property
    def can_use_upx(self) -> bool:
        """Whether UPX can pack libraries: it doesn't know those of macOS, and would break their signatures."""
        return self.os != "darwin"


# Never a `*-latest` runner: when it moves to another image, so does the oldest system that the binary runs on.
PLATFORMS: Final[tuple[Platform, ...]] = (
    Platform(os="darwin", arch="arm64", runner="macos-15"),
    Platform(os="darwin", arch="amd64", runner="macos-15-intel"),
    Platform(os="linux", arch="amd64", runner="ubuntu-24.04"),
    Platform(os="linux", arch="arm64", runner="ubuntu-24.04-arm"),
    Platform(os="windows", arch="amd64", runner="windows-2025"),
)

# As Linux, wheel tags for Linux and uv call them.
LINUX_MACHINES: Final[dict[Architecture, str]] = {"amd64": "x86_64", "arm64": "aarch64"}

# As Python's `platform` module calls them.
_SYSTEMS: Final[dict[str, OperatingSystem]] = {"Darwin": "darwin", "Linux": "linux", "Windows": "windows"}
_MACHINES: Final[dict[str, Architecture]] = {
    **{machine: arch for arch, machine in LINUX_MACHINES.items()},
    "AMD64": "amd64",
    "arm64": "arm64",
}


def platform_names() -> tuple[str, ...]:
    return tuple(platform.name for platform in PLATFORMS)


def find_platform(name: str) -> Platform:
    """The platform with this name, or `UnknownPlatformError`."""
    for platform in PLATFORMS:
        if platform.name == name:
            return platform
    raise UnknownPlatformError(name, platform_names())


def host_platform(system: str | None = None, machine: str | None = None) -> Platform:
    """The platform of this machine, or of one with this system and machine name.

    Raises `UnsupportedHostError` if no platform matches.
    """
    system = system or running_platform.system()
    machine = machine or running_platform.machine()
    for platform in PLATFORMS:
        if platform.os == _SYSTEMS.get(system) and platform.arch == _MACHINES.get(machine):
            return platform
    raise UnsupportedHostError(system, machine, platform_names())
