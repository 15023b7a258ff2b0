import os
import subprocess
from pathlib import Path

import pytest

from release_tools.bootstrap.cleaning import clean
from release_tools.errors import CleaningError, RequestError
from release_tools.platforms import PLATFORMS

ARCHIVES = [f"tiny-{label}-{row.name}{row.archive_suffix}" for label in ("dev", "v1.2.3") for row in PLATFORMS]
OTHER_FILES = [
    "notes.txt",
    "tiny-dev-plan9-amd64.tar.gz",
    "other-dev-linux-amd64.tar.gz",
    "tiny-dev-linux-amd64.tar.gz.asc",
]


def fill(path: Path, size: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


@pytest.fixture
def built(project: Path) -> Path:
    """A project after builds, with other files next to their output."""
    for platform in PLATFORMS:
        fill(project / "build" / platform.name / "freeze" / "deep" / "file", 1_500_000)
    fill(project / "build" / "mine" / "file")
    for name in (*ARCHIVES, *(f"{archive}.sha256" for archive in ARCHIVES), *OTHER_FILES):
        fill(project / "dist" / name)
    return project


def cleaned(root: Path, *, with_archives: bool = False, is_dry_run: bool = False) -> list[str]:
    reported: list[str] = []
    clean(root, with_archives=with_archives, is_dry_run=is_dry_run, report=reported.append)
    return reported


def entries(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_build_folders_are_deleted_and_nothing_else(built: Path) -> None:
    dist = entries(built / "dist")
    assert cleaned(built) == [f"deleted build/{platform.name} (1.5 MB)" for platform in PLATFORMS]
    assert entries(built / "build") == ["mine", "mine/file"]
    assert entries(built / "dist") == dist


def test_all_deletes_only_archives_of_this_project(built: Path) -> None:
    cleaned(built, with_archives=True)
    assert entries(built / "dist") == sorted(OTHER_FILES)


def test_empty_parent_folders_are_deleted(project: Path) -> None:
    fill(project / "build" / "linux-amd64" / "file")
    fill(project / "dist" / ARCHIVES[0])
    cleaned(project, with_archives=True)
    assert {"build", "dist"}.isdisjoint(path.name for path in project.iterdir())


def test_dry_run_deletes_nothing(built: Path) -> None:
    before = entries(built)
    reported = cleaned(built, with_archives=True, is_dry_run=True)
    assert reported[0] == "would delete build/darwin-arm64 (1.5 MB)"
    assert len(reported) == len(PLATFORMS) + 2 * len(ARCHIVES)
    assert entries(built) == before


def test_second_run_finds_nothing_to_delete(built: Path) -> None:
    cleaned(built)
    assert cleaned(built) == ["nothing to delete"]


def test_target_of_a_link_is_kept(built: Path, tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside" / "precious").parent
    outside.chmod(0o500)
    (built / "build" / "linux-amd64" / "link").symlink_to(outside, target_is_directory=True)
    cleaned(built)
    assert entries(outside) == ["precious"]
    assert outside.stat().st_mode & 0o777 == 0o500
    assert not (built / "build" / "linux-amd64").exists()


@pytest.mark.parametrize("linked", ["build", "build/linux-amd64"])
def test_link_instead_of_a_folder_is_refused(project: Path, tmp_path: Path, linked: str) -> None:
    outside = fill(tmp_path / "outside" / "linux-amd64" / "precious").parents[1]
    fill(project / "build" / "darwin-arm64" / "file")
    if linked == "build":
        (project / "build").rename(project / "was build")
    (project / linked).symlink_to(outside if linked == "build" else outside / "linux-amd64", target_is_directory=True)
    before = entries(tmp_path)
    with pytest.raises(RequestError) as caught:
        cleaned(project)
    assert caught.value.problems[0].what.startswith(f"{linked} is a symbolic link")
    assert entries(tmp_path) == before


@pytest.mark.programs
def test_tracked_files_are_refused(built: Path) -> None:
    for command in (["init", "--quiet"], ["add", "build/linux-amd64"]):
        subprocess.run(["git", *command], cwd=built, check=True, timeout=60)
    before = entries(built / "build")
    with pytest.raises(RequestError) as caught:
        cleaned(built)
    assert [problem.what for problem in caught.value.problems] == ["git tracks files in build/linux-amd64"]
    assert entries(built / "build") == before


def test_read_only_folders_are_deleted(built: Path) -> None:
    folder = built / "build" / "linux-amd64" / "freeze" / "deep"
    (folder / "file").chmod(0o400)
    folder.chmod(0o500)
    folder.parent.chmod(0o500)
    cleaned(built)
    assert not (built / "build" / "linux-amd64").exists()


def test_file_that_cannot_be_deleted_is_named(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", os.fspath(path / "file"))

    monkeypatch.setattr("release_tools.bootstrap.cleaning.shutil.rmtree", refuse)
    with pytest.raises(CleaningError) as caught:
        cleaned(built)
    assert caught.value.path == built / "build" / "darwin-arm64" / "file"
