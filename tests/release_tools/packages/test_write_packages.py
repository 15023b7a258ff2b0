"""`invoke packages`: from the published files of a tag to the files of every package manager."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release_tools.errors import RequestError
from release_tools.packages import write_packages as module
from release_tools.packages.write_packages import PackageRequest, write_packages
from release_tools.platforms import PLATFORMS
from release_tools.releasing.github.releases import Asset, GitHubRepository, Release
from release_tools.releasing.publish.release_files import gather_release_files
from release_tools.repository import git
from release_tools.settings import ReleaseSettings
from tests.release_tools.packages.sample_package import write_sample_archive

TAG = "tiny-v1.2.3"


class PublishedRelease(GitHubRepository):
    """A repository with one release."""

    def __init__(self, release: Release | None) -> None:
        self._releases = (release,) if release else ()

    def releases(self) -> tuple[Release, ...]:
        return self._releases


def release_with(digests: dict[str, str]) -> Release:
    fields: dict[str, Any] = {
        "id": 1,
        "tag": TAG,
        "target": "",
        "body": "",
        "is_draft": False,
        "is_prerelease": False,
        "is_immutable": False,
        "url": "",
        "upload_url": "",
        "assets": tuple(
            Asset(id=number, name=name, size_bytes=1, sha256=digest, is_uploaded=True)
            for number, (name, digest) in enumerate(digests.items())
        ),
    }
    optional = {"published_at": "2026-11-26T12:00:00Z"}
    known = Release.__dataclass_fields__
    return Release(**{key: value for key, value in {**fields, **optional}.items() if key in known})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The ten files of the release; every archive has the same content."""
    files = tmp_path / "files"
    archive = write_sample_archive(files)
    for platform in PLATFORMS:
        copy = files / f"{TAG}-{platform.name}{platform.archive_suffix}"
        if copy != archive:
            shutil.copyfile(archive, copy)
        digest = (files / f"{archive.name}.sha256").read_text().split()[0]
        (files / f"{copy.name}.sha256").write_text(f"{digest}  {copy.name}\n", newline="\n")
    shutil.rmtree(files / "source")
    return files


@pytest.fixture
def cloned(settings: ReleaseSettings, project: Path) -> ReleaseSettings:
    """The settings of a clone of a repository on GitHub."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    git(project, "init", "--quiet")
    git(project, "remote", "add", "origin", "https://github.com/octo/tiny.git")
    git(project, "add", "--all")
    git(project, *identity, "commit", "--quiet", "--message", "feat: start")
    facts = {"description": "Does a tiny thing", "license": "MIT", "authors": [{"name": "Octo"}]}
    return replace(settings, pyproject={"project": {**settings.pyproject["project"], **facts}})


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The archives that nfpm would have got."""
    archives: list[Path] = []

    def pack(_facts: object, archive: Path, _platform: object, _folder: Path) -> tuple[Path, ...]:
        archives.append(archive)
        return ()

    monkeypatch.setattr(module, "write_linux_packages", pack)
    return archives


def digests_of(folder: Path) -> dict[str, str]:
    return {file.name: file.sha256 for file in gather_release_files("tiny", "1.2.3", folder)}


def write(settings: ReleaseSettings, folder: Path, release: Release | None, **changes: Any) -> tuple[Path, ...]:
    request = PackageRequest(**{"tag": TAG, "folder": folder, "output": folder.parent / "out", "url": None, **changes})
    return write_packages(settings, request, PublishedRelease(release), lambda _: None)


@pytest.mark.programs
def test_writes_a_file_for_every_package_manager(cloned: ReleaseSettings, folder: Path, packed: list[Path]) -> None:
    written = write(cloned, folder, release_with(digests_of(folder)))
    names = [path.relative_to(folder.parent / "out").as_posix() for path in written]
    assert names == [
        "homebrew/Formula/tiny.rb",
        "scoop/bucket/tiny.json",
        *(f"winget/octo.tiny{ending}.yaml" for ending in ("", ".installer", ".locale.en-US")),
    ]
    assert [path.name for path in packed] == [f"{TAG}-linux-amd64.tar.gz", f"{TAG}-linux-arm64.tar.gz"]
    formula = written[0].read_text(encoding="utf-8")
    assert f"https://github.com/octo/tiny/releases/download/{TAG}/{TAG}-darwin-arm64.tar.gz" in formula


@pytest.mark.programs
def test_refuses_files_that_were_not_published(cloned: ReleaseSettings, folder: Path, packed: list[Path]) -> None:
    digests = {**digests_of(folder), f"{TAG}-windows-amd64.zip": "00" * 32}
    with pytest.raises(RequestError) as caught:
        write(cloned, folder, release_with(digests))
    assert [problem.what.split()[0] for problem in caught.value.problems] == [f"{TAG}-windows-amd64.zip"]
    assert packed == []


@pytest.mark.programs
def test_unpublished_tag_needs_a_url(cloned: ReleaseSettings, folder: Path, packed: list[Path]) -> None:
    with pytest.raises(RequestError):
        write(cloned, folder, None)
    written = write(cloned, folder, None, url="https://downloads.example.com/tiny/1.2.3/")
    assert f"https://downloads.example.com/tiny/1.2.3/{TAG}-linux-amd64.tar.gz" in written[0].read_text()
    assert len(packed) == 2


def test_refuses_the_tag_of_another_version(settings: ReleaseSettings, folder: Path) -> None:
    with pytest.raises(RequestError):
        write(settings, folder, None, tag="tiny-v9.9.9")
