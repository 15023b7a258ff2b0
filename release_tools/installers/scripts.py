"""Fills in `install.sh` and `install.ps1` for one release: its URLs, and the digests of all its archives.

The templates are valid scripts themselves, so that linters can read them. Their placeholders are words in double
underscores.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.errors import Problem, RequestError
from release_tools.platforms import Platform

_TEMPLATES: Final = Path(__file__).parent
SHELL_SCRIPT: Final = "install.sh"
POWERSHELL_SCRIPT: Final = "install.ps1"

# Without anything that a quoted string of one of the shells, or a command line in a message, would treat specially.
_URL: Final = re.compile(r"https?://[A-Za-z0-9._~:/%+@-]+")


@dataclass(frozen=True, kw_only=True)
class PublishedArchive:
    """A platform's archive as users download it."""

    platform: Platform
    name: str
    url: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class InstallableRelease:
    """A released version and its archives.

    `manifest_url` is the list of all versions, and `installer_folder_url`, without a slash at its end, the folder with
    the newest installers.
    """

    executable: str
    version: str
    archives: Sequence[PublishedArchive]
    manifest_url: str
    installer_folder_url: str
    glibc_floor: str | None
    macos_minimum: str | None


def install_variable(executable: str) -> str:
    """The environment variable with the folder to install into: `MY_APP_INSTALL` for `my-app`."""
    words = re.sub("[^A-Z0-9]", "_", executable.upper())
    return f"{'_' if words[0].isdigit() else ''}{words}_INSTALL"


def installer_scripts(release: InstallableRelease) -> dict[str, str]:
    """The text of both scripts by file name. The same release gives the same text.

    Raises `RequestError` for a URL that can't be quoted.
    """
    urls = (release.manifest_url, release.installer_folder_url, *(archive.url for archive in release.archives))
    problems = [
        Problem(what=f"{url!r} can't be part of an installer", hint="use an http or https URL without ?, # or quotes")
        for url in urls
        if not _URL.fullmatch(url)
    ]
    if problems:
        raise RequestError("write the installers", problems)
    return {
        SHELL_SCRIPT: _filled_in(SHELL_SCRIPT, release, [_shell_row(archive) for archive in release.archives]),
        POWERSHELL_SCRIPT: _filled_in(
            POWERSHELL_SCRIPT, release, [_powershell_row(archive) for archive in release.archives]
        ),
    }


def _shell_row(archive: PublishedArchive) -> str:
    facts = f"url='{archive.url}' size={archive.size_bytes} sha256={archive.sha256}"
    return f"{archive.platform.name}) {facts} ;;"


def _powershell_row(archive: PublishedArchive) -> str:
    facts = f"Url = '{archive.url}'; Size = {archive.size_bytes}L; Sha256 = '{archive.sha256}'"
    return f"'{archive.platform.name}' = @{{ {facts} }}"


def _filled_in(name: str, release: InstallableRelease, rows: Sequence[str]) -> str:
    values: Mapping[str, str] = {
        "APP": release.executable,
        "VERSION": release.version,
        "MANIFEST_URL": release.manifest_url,
        "INSTALLER_URL": f"{release.installer_folder_url}/{name}",
        "INSTALL_VARIABLE": install_variable(release.executable),
        "GLIBC_FLOOR": release.glibc_floor or "",
        "MACOS_FLOOR": release.macos_minimum or "",
    }
    template = (_TEMPLATES / name).read_text(encoding="utf-8")
    template = re.sub(
        r"^( *)# __ARCHIVES__$",
        lambda match: "\n".join(f"{match[1]}{row}" for row in rows),
        template,
        flags=re.MULTILINE,
    )
    return re.sub(r"__([A-Z]+(?:_[A-Z]+)*)__", lambda match: values[match[1]], template)
