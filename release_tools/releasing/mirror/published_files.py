"""The files of a published release: exactly the bytes that GitHub has, downloaded or compared with its digests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.archives import sha256_of
from release_tools.errors import Problem
from release_tools.releasing.errors import MirrorError, ReleaseFilesError
from release_tools.releasing.github.releases import Asset, GitHubRepository, Release
from release_tools.releasing.publish.release_files import ReleaseFile, expected_files, gather_release_files
from release_tools.releasing.release_versions import release_version
from release_tools.versions import version_of_tag

_ACTION: Final = "mirror"
_MAX_DOWNLOADS: Final = 3


@dataclass(frozen=True, kw_only=True)
class PublishedFiles:
    """The files of a release in `folder`. `date` is when GitHub published it."""

    tag: str
    version: str
    date: str
    folder: Path
    files: tuple[ReleaseFile, ...]


def find_published(executable: str, github: GitHubRepository, tag: str) -> Release:
    """The published release of a tag. Raises `MirrorError` if there is none, or its assets aren't the expected ones."""
    version = version_of_tag(executable, tag)
    if version is None or release_version(executable, tag) is None:
        hint = f"the tags of this project look like {executable}-v1.2.3"
        raise MirrorError(tag, _ACTION, [Problem(what="it isn't a release tag", hint=hint)])
    published = [release for release in github.releases() if release.tag == tag and not release.is_draft]
    if not published:
        hint = "publish it first: `invoke status` shows the next step; the mirror only has what was published"
        raise MirrorError(tag, _ACTION, [Problem(what="it isn't published on GitHub", hint=hint)])
    release, expected = published[0], expected_files(executable, version)
    assets = {asset.name: asset for asset in release.assets}
    hint = "a release has exactly ten files: publish the next version"
    problems = [Problem(what=f"the release lacks {name}", hint=hint) for name in expected if name not in assets]
    problems += [Problem(what=f"{name!r} is unexpected", hint=hint) for name in assets if name not in expected]
    problems += [
        Problem(what=f"GitHub has no digest of {asset.name}", hint="run the same command again in a minute")
        for asset in release.assets
        if not asset.is_uploaded or not asset.sha256
    ]
    if problems:
        raise MirrorError(tag, _ACTION, problems)
    return release


def download_published(
    executable: str, github: GitHubRepository, release: Release, folder: Path, say: Callable[[str], None]
) -> PublishedFiles:
    """Download what's missing in `folder`, and compare everything with GitHub's digests. Raises `MirrorError`."""
    folder.mkdir(parents=True, exist_ok=True)
    for asset in release.assets:
        for _ in range(_MAX_DOWNLOADS):
            if _differences(asset, folder) is None:
                break
            say(f"download {asset.name} ({asset.size_bytes} bytes)")
            github.download_asset(release.tag, asset, folder)
    return compare_with_published(executable, release, folder)


def compare_with_published(executable: str, release: Release, folder: Path) -> PublishedFiles:
    """The files in `folder`, which are those that GitHub has. Raises `MirrorError` with every difference."""
    version = version_of_tag(executable, release.tag) or ""
    hint = "omit --folder to download them from GitHub"
    found = [difference for asset in release.assets if (difference := _differences(asset, folder))]
    problems = [Problem(what=difference, hint=hint) for difference in found]
    files: tuple[ReleaseFile, ...] = ()
    try:
        files = gather_release_files(executable, version, folder) if not problems else ()
    except ReleaseFilesError as error:
        problems += error.problems
    if problems:
        raise MirrorError(release.tag, _ACTION, problems)
    return PublishedFiles(tag=release.tag, version=version, date=release.published_at, folder=folder, files=files)


def _differences(asset: Asset, folder: Path) -> str | None:
    """How a file differs from the asset that GitHub has, or None if it's the same."""
    path = folder / asset.name
    if not path.is_file() or path.is_symlink():
        return f"{asset.name} is missing or isn't a regular file"
    if path.stat().st_size != asset.size_bytes or sha256_of(path) != asset.sha256:
        return f"{asset.name} differs from the published file, which has sha256 {asset.sha256}"
    return None
