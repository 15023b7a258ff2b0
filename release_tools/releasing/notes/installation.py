"""How to download, verify, unpack and start each platform's archive, as commands to paste."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, assert_never

from release_tools.archives import checksum_path
from release_tools.releasing.publish.release_files import ReleaseFile

# https://support.apple.com/guide/security/sec5599b66df/web
_QUARANTINE: Final = (
    "macOS quarantines browser downloads, and Gatekeeper blocks the program because it isn't notarized. If the "
    "checksum matches, remove the quarantine attribute (files downloaded with `curl` don't have it):"
)


def installation_markdown(archives: Sequence[ReleaseFile], executable: str, tag: str, url: str | None) -> str:
    """A collapsed section for every archive; "" without any."""
    if not archives:
        return ""
    parts = ["## Install\n"]
    for file in archives:
        lines = "\n".join(_instructions(file, executable, tag, url))
        parts.append(f"<details><summary>{file.platform.name}</summary>\n\n{lines}\n\n</details>\n")
    return "\n".join(parts)


def _instructions(file: ReleaseFile, executable: str, tag: str, url: str | None) -> list[str]:
    name, checksum = file.name, checksum_path(Path(file.name)).name
    downloads = [f"{url}/releases/download/{tag}/{each}" for each in (name, checksum)] if url else []
    match file.platform.os:
        case "linux":
            return _unix_commands(name, checksum, executable, downloads, "sha256sum -c")
        case "darwin":
            commands = _unix_commands(name, checksum, executable, downloads, "shasum -a 256 -c")
            return [*commands, "", _QUARANTINE, "", "```sh", f"xattr -d com.apple.quarantine {executable}", "```"]
        case "windows":
            return _windows_commands(name, checksum, executable, downloads)
        case other:
            assert_never(other)


def _unix_commands(name: str, checksum: str, executable: str, downloads: Sequence[str], verify: str) -> list[str]:
    return [
        "```sh",
        *(f"curl -fLO {download}" for download in downloads),
        f"{verify} {checksum}",
        f"tar -xzf {name} {executable}",
        f"./{executable} --version",
        "```",
    ]


def _windows_commands(name: str, checksum: str, executable: str, downloads: Sequence[str]) -> list[str]:
    return [
        "In PowerShell; the comparison must print `True`:",
        "",
        "```powershell",
        *(f"curl.exe -fLO {download}" for download in downloads),
        f"(Get-FileHash {name} -Algorithm SHA256).Hash -eq (Get-Content {checksum}).Split(' ')[0]",
        f"Expand-Archive {name} -DestinationPath {executable}",
        rf".\{executable}\{executable}.exe --version",
        "```",
        "",
        f"Outside PowerShell, `certutil -hashfile {name} SHA256` prints the checksum.",
    ]
