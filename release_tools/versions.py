"""Versions of a build, and the names that are made of them: archive, artifact, workflow, tag."""

import re
from dataclasses import dataclass
from typing import Final

from release_tools.errors import Problem
from release_tools.platforms import Platform
from release_tools.repository import Commit

DEV: Final = "dev"


@dataclass(frozen=True, kw_only=True)
class BuildVersion:
    """The version of a build: `label` in file names, `exact` as the binary prints it (PEP 440).

    `local_part` follows the plus sign. It is None for a dev build of an unknown commit, such as a downloaded one.
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
        """Whether a binary of this version may print `version`."""
        if self.local_part is None:
            return re.fullmatch(r"[0-9][0-9A-Za-z.]*\+dev(\.g[0-9a-f]{7})?(\.dirty)?", version) is not None
        return version == self.exact

    @property
    def is_dev(self) -> bool:
        return self.label == DEV


def resolve_version(label: str, project_version: str, commit: Commit | None) -> BuildVersion:
    """The version for a label that `version_problems` accepts."""
    if label != DEV:
        return BuildVersion(label=label, project_version=project_version, local_part="")
    parts = [DEV]
    if commit:
        parts.append(f"g{commit.sha[:7]}")
        parts += ["dirty"] if commit.is_dirty else []
    return BuildVersion(label=DEV, project_version=project_version, local_part=".".join(parts))


def version_problems(label: str, project_version: str, commit: Commit | None) -> list[Problem]:
    """Why a build can't have this label; empty if it can."""
    if label == DEV:
        return []
    if label != f"v{project_version}":
        what = f"--version {label!r} is neither {DEV!r} nor the version in pyproject.toml, 'v{project_version}'"
        hint = f"use --version v{project_version}, or change `version` in pyproject.toml first"
        return [Problem(what=what, hint=hint)]
    if commit is None or commit.is_dirty:
        state = "is not a git checkout" if commit is None else "has uncommitted changes"
        what = f"--version {label} needs a clean commit, and this folder {state}"
        hint = f"commit or stash your changes (`git status` lists them), or build with --version {DEV}"
        return [Problem(what=what, hint=hint)]
    return []


def archive_name(executable: str, version: BuildVersion, platform: Platform) -> str:
    return f"{executable}-{version.label}-{platform.name}{platform.archive_suffix}"


def artifact_name(executable: str, platform: Platform) -> str:
    """The name of the GitHub artifact that holds a platform's archive and its checksum."""
    return f"{executable}-{platform.name}"


def build_workflow_name(executable: str) -> str:
    """The file name of the GitHub workflow that builds the binaries, in `.github/workflows/`."""
    return f"build-{executable}-binaries.yml"


def release_tag(executable: str, version: str) -> str:
    """The tag of a version: `tiny-v1.2.3` for version 1.2.3 of `tiny`."""
    return f"{executable}-v{version}"


def version_of_tag(executable: str, tag: str) -> str | None:
    """The version in a release tag, or None for any other tag."""
    prefix = re.escape(release_tag(executable, ""))
    match = re.fullmatch(rf"{prefix}(?P<version>[0-9][0-9A-Za-z.+-]*)", tag)
    return match["version"] if match else None
