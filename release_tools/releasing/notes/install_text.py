"""How a user gets, checks, unpacks and starts the file of each platform, as commands to paste."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, assert_never

from release_tools.archives import checksum_path
from release_tools.releasing.publish.release_files import ReleaseFile

# https://support.apple.com/guide/security/sec5599b66df/web
_QUARANTINE: Final = (
    "macOS does not start a program that a browser has downloaded and that Apple has not seen. When the checksum was "
    "right, take the mark away; there is none after `curl` and `tar`:"
)


def install_markdown(archives: Sequence[ReleaseFile], executable: str, tag: str, address: str | None) -> str:
    """A section that folds, for every archive; "" without any."""
    if not archives:
        return ""
    parts = ["## Install\n"]
    for file in archives:
        lines = "\n".join(_instructions(file, executable, tag, address))
        parts.append(f"<details><summary>{file.platform.name}</summary>\n\n{lines}\n\n</details>\n")
    return "\n".join(parts)


def _instructions(file: ReleaseFile, executable: str, tag: str, address: str | None) -> list[str]:
    name, checksum = file.name, checksum_path(Path(file.name)).name
    page = f"{address}/releases/download/{tag}" if address else None
    match file.platform.os:
        case "linux":
            return _unix_commands(name, checksum, executable, page, "sha256sum -c")
        case "darwin":
            commands = _unix_commands(name, checksum, executable, page, "shasum -a 256 -c")
            return [*commands, "", _QUARANTINE, "", "```sh", f"xattr -d com.apple.quarantine {executable}", "```"]
        case "windows":
            return _windows_commands(name, checksum, executable, page)
        case other:
            assert_never(other)


def _unix_commands(name: str, checksum: str, executable: str, page: str | None, check: str) -> list[str]:
    return [
        "```sh",
        *([f"curl -fLO {page}/{name}", f"curl -fLO {page}/{checksum}"] if page else []),
        f"{check} {checksum}",
        f"tar -xzf {name} {executable}",
        f"./{executable} --version",
        "```",
    ]


def _windows_commands(name: str, checksum: str, executable: str, page: str | None) -> list[str]:
    return [
        "In PowerShell; the comparison has to say `True`:",
        "",
        "```powershell",
        *([f"curl.exe -fLO {page}/{name}", f"curl.exe -fLO {page}/{checksum}"] if page else []),
        f"(Get-FileHash {name} -Algorithm SHA256).Hash -eq (Get-Content {checksum}).Split(' ')[0]",
        f"Expand-Archive {name} -DestinationPath {executable}",
        rf".\{executable}\{executable}.exe --version",
        "```",
        "",
        f"Elsewhere than in PowerShell, `certutil -hashfile {name} SHA256` shows the checksum.",
    ]
