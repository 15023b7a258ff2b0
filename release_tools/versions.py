"""From what was asked for (`dev`, `v1.2.3`) to what the binary prints and the archive is called."""

import re
from dataclasses import dataclass
from typing import Final

from release_tools.errors import Problem
from release_tools.platforms import Platform
from release_tools.repository import Commit

DEV: Final = "dev"


@dataclass(frozen=True, kw_only=True)
class BuildVersion:
    """`label` stands in file names; `exact` is a PEP 440 version; `local_part` is what follows its plus sign.

    `local_part` is None for a dev build of a commit that is not known, as after a download.
    """

    label: str
    project_version: str
    local_part: str | None

    @property
    def exact(self) -> str:
        return f"{self.project_version}+{self.local_part}" if self.local_part else self.project_version

    @property
    def is_exact(self) -> bool:
        """Whether the commit of a dev build is known."""
        return self.local_part is not None

    def is_printed_as(self, version: str) -> bool:
        """Whether a program of this version prints `version`."""
        if self.local_part is None:
            return re.fullmatch(r"[0-9][0-9A-Za-z.]*\+dev(\.g[0-9a-f]{7})?(\.dirty)?", version) is not None
        return version == self.exact

    @property
    def is_dev(self) -> bool:
        return self.label == DEV


def resolve_version(label: str, project_version: str, commit: Commit | None) -> BuildVersion:
    """The version of a build that `find_version_problem` accepted."""
    if label != DEV:
        return BuildVersion(label=label, project_version=project_version, local_part="")
    parts = [DEV]
    if commit:
        parts.append(f"g{commit.sha[:7]}")
        parts += ["dirty"] if commit.is_dirty else []
    return BuildVersion(label=DEV, project_version=project_version, local_part=".".join(parts))


def find_version_problem(label: str, project_version: str, commit: Commit | None) -> Problem | None:
    """Why no build can carry this label, or None."""
    if label == DEV:
        return None
    if label != f"v{project_version}":
        return Problem(
            what=f"--version {label!r} is neither {DEV!r} nor the version of pyproject.toml, 'v{project_version}'",
            hint=f"use --version v{project_version}, or change version in pyproject.toml first",
        )
    if commit is None or commit.is_dirty:
        state = "is not a git checkout" if commit is None else "has uncommitted changes"
        return Problem(
            what=f"--version {label} needs a clean commit, and this folder {state}",
            hint=f"commit or stash the changes (git status lists them), or build with --version {DEV}",
        )
    return None


def archive_name(executable: str, version: BuildVersion, platform: Platform) -> str:
    return f"{executable}-{version.label}-{platform.name}{platform.archive_suffix}"


def release_tag(executable: str, version: str) -> str:
    """The tag of a version such as `1.2.3`: that of `tiny` is `tiny-v1.2.3`."""
    return f"{executable}-v{version}"


def version_of_tag(executable: str, tag: str) -> str | None:
    """The version that a tag names, or None for a tag of something else."""
    prefix = re.escape(release_tag(executable, ""))
    match = re.fullmatch(rf"{prefix}(?P<version>[0-9][0-9A-Za-z.+-]*)", tag)
    return match["version"] if match else None
