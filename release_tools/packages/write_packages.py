"""`invoke packages`: writes the packages and installers of a release from its published files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.errors import Problem, RequestError
from release_tools.installers.scripts import PublishedArchive
from release_tools.packages.facts import PackageFacts, read_facts
from release_tools.packages.homebrew import formula_name, homebrew_formula
from release_tools.packages.linux import write_linux_packages
from release_tools.packages.scoop import scoop_manifest
from release_tools.packages.winget import winget_manifests
from release_tools.releasing.git_state import read_clone, repository_url
from release_tools.releasing.github.releases import GitHubRepository, Release
from release_tools.releasing.publish.release_files import ReleaseFile, gather_release_files
from release_tools.releasing.release_versions import release_version
from release_tools.settings import ReleaseSettings
from release_tools.versions import release_tag

_ACTION: Final = "write packages"


@dataclass(frozen=True, kw_only=True)
class PackageRequest:
    """The tag to package, the folder with its ten files, and the folder to write to.

    `url` is where the archives are published, if that isn't the tag's release on GitHub.
    """

    tag: str
    folder: Path
    output: Path
    url: str | None


def write_packages(
    settings: ReleaseSettings, request: PackageRequest, github: GitHubRepository, say: Callable[[str], None]
) -> tuple[Path, ...]:
    """Write the packages of a release; returns their paths.

    Raises `RequestError` for a tag of another version, for files that aren't the published ones and for what
    `pyproject.toml` lacks, `ReleaseFilesError`, and the errors of `write_linux_packages`.
    """
    expected = release_tag(settings.executable, settings.project_version)
    if request.tag != expected or release_version(settings.executable, request.tag) is None:
        hint = f"check out the tag first: git checkout {request.tag}"
        what = f"the checked-out version is {settings.project_version}, whose tag is {expected}, not {request.tag}"
        raise RequestError(_ACTION, [Problem(what=what, hint=hint)])
    files = gather_release_files(settings.executable, settings.project_version, request.folder)
    page = repository_url(settings.root, read_clone(settings.root).remote)
    url = request.url
    if url is None:
        _compare(request, files, github.releases())
        url = f"{page}/releases/download/{request.tag}"
    archives = [
        PublishedArchive(
            platform=file.platform,
            name=file.name,
            url=f"{url.rstrip('/')}/{file.name}",
            size_bytes=file.size_bytes,
            sha256=file.sha256,
        )
        for file in files
        if file.is_archive
    ]
    facts = read_facts(settings, request.tag, archives, page)
    written = _write_texts(facts, request.output)
    for archive in archives:
        if archive.platform.os == "linux":
            say(f"packing {archive.name}")
            written += write_linux_packages(
                facts, request.folder / archive.name, archive.platform, request.output / "linux"
            )
    return tuple(written)


def _compare(request: PackageRequest, files: Sequence[ReleaseFile], releases: Sequence[Release]) -> None:
    """Refuse files that aren't those of the published release, by GitHub's digests."""
    published = [release for release in releases if release.tag == request.tag and not release.is_draft]
    if not published:
        hint = "publish it first, or pass the URL of the folder with its archives: --url https://…"
        what = f"{request.tag} isn't published on GitHub"
        raise RequestError(_ACTION, [Problem(what=what, hint=hint)])
    digests = {asset.name: asset.sha256 for asset in published[0].assets}
    problems = [
        Problem(
            what=f"{file.name} differs from the published file",
            hint=f"download it: gh release download {request.tag} --dir {request.folder} --clobber",
        )
        for file in files
        if digests.get(file.name) != file.sha256
    ]
    if problems:
        raise RequestError(_ACTION, problems)


def _write_texts(facts: PackageFacts, output: Path) -> list[Path]:
    name = formula_name(facts.executable)
    texts = {
        f"homebrew/Formula/{name}.rb": homebrew_formula(facts),
        f"scoop/bucket/{name}.json": scoop_manifest(facts),
        **{f"winget/{file}": text for file, text in winget_manifests(facts).items()},
    }
    for path, text in texts.items():
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        (output / path).write_text(text, encoding="utf-8", newline="\n")
    return [output / path for path in texts]
