"""Which machine can build which platform, and what to do on the others.

PyInstaller can't cross-compile. Two targets work anyway: darwin-amd64 on Apple silicon, where Rosetta runs the x86_64
Python, and linux-arm64 on linux-amd64, in a container.
"""

import shutil
from pathlib import Path
from typing import Final

from release_tools.errors import CommandFailedError, MissingToolError, Problem, ReleaseError, bulleted
from release_tools.platforms import Platform, host_platform
from release_tools.processes.run import capture

_MACHINE_NAMES: Final = {
    "darwin-arm64": "Mac with Apple silicon",
    "darwin-amd64": "Mac with an Intel processor",
    "linux-amd64": "Linux machine on x86-64",
    "linux-arm64": "Linux machine on 64-bit ARM",
    "windows-amd64": "Windows machine on x86-64",
}

# PyInstaller uses them on ELF files.
_LINUX_TOOLS: Final = ("ldd", "objcopy", "objdump", "strip")


def host_problems(platform: Platform, root: Path, host: Platform | None = None) -> list[Problem]:
    """Why the host, by default this machine, can't build the platform, with every alternative; empty if it can."""
    try:
        host = host or host_platform()
    except ReleaseError as error:
        return [Problem(what=error.what, hint=error.hint)]
    if is_emulated(host, platform):
        return []
    if host == platform:
        return tool_problems(platform)
    if is_translated(host, platform):
        what = "this Mac has no Rosetta to run the x86_64 Python that builds darwin-amd64"
        hint = "install it: softwareupdate --install-rosetta --agree-to-license"
        return [] if _has_rosetta(root) else [Problem(what=what, hint=hint)]
    return [wrong_host_problem(host, platform)]


def is_translated(host: Platform, platform: Platform) -> bool:
    """Whether the host runs the platform's programs under Rosetta."""
    return (host.name, platform.name) == ("darwin-arm64", "darwin-amd64")


def is_emulated(host: Platform, platform: Platform) -> bool:
    """Whether the host builds the platform in a container under QEMU."""
    return (host.name, platform.name) == ("linux-amd64", "linux-arm64")


def wrong_host_problem(host: Platform, platform: Platform) -> Problem:
    """The problem that this platform needs another host, with every other way to build it."""
    ways = [
        f"on GitHub, which downloads the verified archive to dist/: invoke build --platform {platform.name}",
        f"on a {_MACHINE_NAMES[platform.name]}: nox -s build-{platform.name}",
    ]
    if platform.name == "darwin-amd64":
        ways.append(f"on a Mac with Apple silicon and Rosetta: nox -s build-{platform.name}")
    if platform.name == "linux-arm64" and host.name != "linux-amd64":
        ways.append(f"on a Linux machine on x86-64 with docker or podman: nox -s build-{platform.name}")
    return Problem(
        what=f"this machine is {host.name}, and PyInstaller can't cross-compile",
        hint=bulleted([*ways, f"or build for this machine: nox -s build-{host.name}"]),
    )


def tool_problems(platform: Platform) -> list[Problem]:
    """The programs that PyInstaller needs for this platform and that aren't installed."""
    if platform.os != "linux":
        return []
    missing = [tool for tool in _LINUX_TOOLS if shutil.which(tool) is None]
    if not missing:
        return []
    return [
        Problem(
            what=f"PyInstaller needs {', '.join(missing)}, which this machine doesn't have",
            hint="install the packages binutils and libc-bin (Debian, Ubuntu) or binutils and glibc-common (Fedora)",
        )
    ]


def _has_rosetta(root: Path) -> bool:
    try:
        # arch(1) runs the x86_64 slice of a universal binary, as all of macOS's are.
        capture(["arch", "-x86_64", "/usr/bin/true"], cwd=root)
    except (CommandFailedError, MissingToolError):
        return False
    return True
