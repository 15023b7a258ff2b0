"""The versions in release tags: which are pre-releases, and which is the newest stable one."""

import re
from collections.abc import Iterable
from typing import Final

from packaging.version import InvalidVersion, Version

from release_tools.versions import version_of_tag

# https://semver.org/#spec-item-9
_SEMVER_PRERELEASE: Final = re.compile(r"\d+\.\d+\.\d+-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*(\+[0-9A-Za-z.-]+)?")


def release_version(executable: str, tag: str) -> Version | None:
    """The version of a release tag; None for any other tag."""
    text = version_of_tag(executable, tag)
    try:
        return Version(text) if text else None
    except InvalidVersion:
        return None


def is_prerelease(version: str) -> bool:
    """Whether PEP 440 or Semantic Versioning counts a version as a pre-release.

    A version that neither can parse counts as one too, so that it never becomes the latest release.
    """
    try:
        return _SEMVER_PRERELEASE.fullmatch(version) is not None or Version(version).is_prerelease
    except InvalidVersion:
        return True


def is_newest_stable(executable: str, version: str, published_tags: Iterable[str]) -> bool:
    """Whether a version is stable and no published stable release is newer."""
    if is_prerelease(version):
        return False
    others = (version_of_tag(executable, tag) for tag in published_tags)
    return all(Version(other) <= Version(version) for other in others if other and not is_prerelease(other))
