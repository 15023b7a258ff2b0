"""`invoke status`: the project's releases on GitHub, and the next step."""

from dataclasses import dataclass

from packaging.version import Version

from release_tools.releasing.github.releases import Asset, GitHubRepository, Release
from release_tools.releasing.publish.release_body import read_marker
from release_tools.releasing.publish.release_files import expected_files
from release_tools.releasing.release_versions import release_version
from release_tools.reporting.file_size import format_size
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag, version_of_tag


@dataclass(frozen=True, kw_only=True)
class ReleaseStatus:
    """The project's release tags and releases on GitHub, the highest version first."""

    executable: str
    project_version: str
    tags: tuple[str, ...]
    published: tuple[Release, ...]
    drafts: tuple[Release, ...]

    @property
    def tag(self) -> str:
        """The tag of the version in `pyproject.toml`."""
        return release_tag(self.executable, self.project_version)


def read_status(settings: ReleaseSettings, github: GitHubRepository) -> ReleaseStatus:
    """Read the status. GitHub lists drafts only to users with write access."""
    executable = settings.executable

    def version(tag: str) -> Version:
        return release_version(executable, tag) or Version("0")

    tags = [tag for tag in github.tags(release_tag(executable, "")) if release_version(executable, tag)]
    releases = [release for release in github.releases() if version_of_tag(executable, release.tag)]
    releases.sort(key=lambda release: (version(release.tag), release.id), reverse=True)
    return ReleaseStatus(
        executable=executable,
        project_version=settings.project_version,
        tags=tuple(sorted(tags, key=version, reverse=True)),
        published=tuple(release for release in releases if not release.is_draft),
        drafts=tuple(release for release in releases if release.is_draft),
    )


def status_lines(status: ReleaseStatus) -> list[str]:
    """The status as it is printed, with the assets of the newest release and of each draft."""
    lines = [
        f"version     {status.project_version}, in pyproject.toml",
        f"latest tag  {status.tags[0] if status.tags else 'none on GitHub'}",
        f"release     {_release_text(status.published[0]) if status.published else 'none published'}",
    ]
    lines += _asset_lines(status.executable, status.published[0]) if status.published else []
    for draft in status.drafts:
        lines += [f"draft       {_draft_text(draft)}", *_asset_lines(status.executable, draft)]
    return [*lines, f"next        {next_step(status)}"]


def next_step(status: ReleaseStatus) -> str:
    """What a maintainer does next, as a command where there is one."""
    tag = status.tag
    leftovers = [draft.tag for draft in status.drafts if draft.tag != tag]
    if any(release.tag == tag for release in status.published):
        step = f"{tag} is published; bump the version in pyproject.toml for the next release"
    elif any(draft.tag == tag for draft in status.drafts):
        step = (
            f"{tag} is incomplete: rerun its workflow (`gh run rerun --failed`), publish the files in dist/ "
            f"(`invoke publish --tag {tag}`), or delete it (`invoke discard --tag {tag}`)"
        )
    elif tag in status.tags:
        step = f"{tag} is being built, or its run failed: `gh run list` shows it"
    elif status.tags and _is_outdated(status):
        step = f"{status.project_version} is not higher than {status.tags[0]}: bump the version in pyproject.toml"
    else:
        step = f"`invoke release --tag` releases {tag}"
    return "; ".join(
        [step, *(f"delete the leftover draft: `invoke discard --tag {tag}`" for tag in dict.fromkeys(leftovers))]
    )


def _is_outdated(status: ReleaseStatus) -> bool:
    here, highest = (release_version(status.executable, tag) for tag in (status.tag, status.tags[0]))
    return here is not None and highest is not None and here <= highest


def _release_text(release: Release) -> str:
    kinds = ["pre-release"] if release.is_prerelease else []
    kinds += ["immutable"] if release.is_immutable else []
    return f"{' '.join([release.tag, *kinds])}: {release.url}"


def _draft_text(draft: Release) -> str:
    marker = read_marker(draft.body)
    origin = f"commit {marker.commit}, by {marker.publisher_id}" if marker else "not created by `invoke publish`"
    return f"{draft.tag}, ID {draft.id}, {origin}"


def _asset_lines(executable: str, release: Release) -> list[str]:
    expected = expected_files(executable, version_of_tag(executable, release.tag) or "")
    assets = {asset.name: asset for asset in release.assets}
    lines = [f"            {name}  {_asset_text(assets.get(name))}" for name in expected]
    return lines + [f"            {name!r}  unexpected" for name in assets if name not in expected]


def _asset_text(asset: Asset | None) -> str:
    if asset is None:
        return "missing"
    if not asset.is_uploaded:
        return "upload incomplete"
    return format_size(asset.size_bytes)
