"""`invoke status`: where the releases of this project stand on GitHub, and what comes next."""

from dataclasses import dataclass
from typing import Final

from packaging.version import Version

from release_tools.releasing.git_state import release_version
from release_tools.releasing.github.releases import Asset, GitHub, Release
from release_tools.releasing.publish.release_files import expected_archives
from release_tools.releasing.publish.release_text import read_marker
from release_tools.reporting.tables import megabytes
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag

# Less than this would be shown as 0.0 MB.
_ONE_DECIMAL: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class ReleaseStatus:
    """What GitHub holds of this project: its release tags and its releases, the highest version first."""

    executable: str
    project_version: str
    tags: tuple[str, ...]
    public: tuple[Release, ...]
    drafts: tuple[Release, ...]

    @property
    def tag(self) -> str:
        """The tag of the version in `pyproject.toml`."""
        return release_tag(self.executable, self.project_version)


def read_status(settings: ReleaseSettings, github: GitHub) -> ReleaseStatus:
    """Reads GitHub only. Drafts are shown only to those who may write. Raises the errors of the requests."""
    executable = settings.executable

    def height(tag: str) -> Version:
        return release_version(executable, tag) or Version("0")

    tags = [tag for tag in github.tags(release_tag(executable, "")) if release_version(executable, tag)]
    releases = [release for release in github.releases() if version_of_tag(executable, release.tag)]
    releases.sort(key=lambda release: (height(release.tag), release.id), reverse=True)
    return ReleaseStatus(
        executable=executable,
        project_version=settings.project_version,
        tags=tuple(sorted(tags, key=height, reverse=True)),
        public=tuple(release for release in releases if not release.is_draft),
        drafts=tuple(release for release in releases if release.is_draft),
    )


def status_lines(status: ReleaseStatus) -> list[str]:
    """The status for people: a line for each fact, the files of what is public last and of each draft, what is next."""
    lines = [
        f"version     {status.project_version}, in pyproject.toml",
        f"latest tag  {status.tags[0] if status.tags else 'none on GitHub'}",
        f"release     {_release_text(status.public[0]) if status.public else 'none is public'}",
    ]
    lines += _file_lines(status.executable, status.public[0]) if status.public else []
    for draft in status.drafts:
        lines += [f"draft       {_draft_text(draft)}", *_file_lines(status.executable, draft)]
    return [*lines, f"next        {next_step(status)}"]


def next_step(status: ReleaseStatus) -> str:
    """What a maintainer does next, as a command where there is one."""
    tag = status.tag
    leftovers = [draft.tag for draft in status.drafts if draft.tag != tag]
    if any(release.tag == tag for release in status.public):
        step = f"{tag} is public; raise the version in pyproject.toml for the next release"
    elif any(draft.tag == tag for draft in status.drafts):
        step = (
            f"{tag} is not finished: start its run on GitHub again (gh run rerun --failed), or `invoke publish --tag "
            f"{tag}` with its files in dist/, or give it up: `invoke discard --tag {tag}`"
        )
    elif tag in status.tags:
        step = f"{tag} is being built, or its run failed: `gh run list` shows it"
    elif status.tags and _is_behind(status):
        step = f"{status.project_version} is not higher than {status.tags[0]}: raise the version in pyproject.toml"
    else:
        step = f"`invoke release --tag` makes {tag}"
    return "; ".join(
        [step, *(f"a draft is left over: `invoke discard --tag {tag}`" for tag in dict.fromkeys(leftovers))]
    )


def _is_behind(status: ReleaseStatus) -> bool:
    here, highest = (release_version(status.executable, tag) for tag in (status.tag, status.tags[0]))
    return here is not None and highest is not None and here <= highest


def _release_text(release: Release) -> str:
    kinds = ["pre-release"] if release.is_prerelease else []
    kinds += ["immutable"] if release.is_immutable else []
    return f"{' '.join([release.tag, *kinds])}: {release.url}"


def _draft_text(draft: Release) -> str:
    marker = read_marker(draft.body)
    whose = f"commit {marker.commit}, by {marker.publisher}" if marker else "not made by this tool"
    return f"{draft.tag}, number {draft.id}, {whose}"


def _file_lines(executable: str, release: Release) -> list[str]:
    version = version_of_tag(executable, release.tag) or ""
    archives = expected_archives(executable, version)
    expected = [name for archive in archives for name in (archive, f"{archive}.sha256")]
    held = {asset.name: asset for asset in release.assets}
    lines = [f"            {name}  {_asset_text(held.get(name))}" for name in expected]
    return lines + [f"            {name!r}  does not belong there" for name in held if name not in expected]


def _asset_text(asset: Asset | None) -> str:
    if asset is None:
        return "missing"
    if not asset.is_uploaded:
        return "not uploaded completely"
    return megabytes(asset.size_bytes) if asset.size_bytes >= _ONE_DECIMAL else f"{asset.size_bytes} bytes"
