import os
import subprocess
from pathlib import Path

import pytest

from release_tools.bootstrap.cleaning import clean
from release_tools.errors import CleaningError, RequestError
from release_tools.platforms import PLATFORMS

ARCHIVES = [f"tiny-{label}-{row.name}{row.archive_suffix}" for label in ("dev", "v1.2.3") for row in PLATFORMS]
FOREIGN = [
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
    """A project after builds, in which somebody keeps files of his own beside what they left."""
    for platform in PLATFORMS:
        fill(project / "build" / platform.name / "freeze" / "deep" / "file", 1_500_000)
    fill(project / "build" / "mine" / "file")
    for name in (*ARCHIVES, *(f"{archive}.sha256" for archive in ARCHIVES), *FOREIGN):
        fill(project / "dist" / name)
    return project


def cleaned(root: Path, *, with_archives: bool = False, is_dry_run: bool = False) -> list[str]:
    said: list[str] = []
    clean(root, with_archives=with_archives, is_dry_run=is_dry_run, say=said.append)
    return said


def entries(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_the_folders_of_builds_go_and_archives_and_foreign_files_stay(built: Path) -> None:
    dist = entries(built / "dist")
    assert cleaned(built) == [f"removed build/{platform.name} (1.5 MB)" for platform in PLATFORMS]
    assert entries(built / "build") == ["mine", "mine/file"]
    assert entries(built / "dist") == dist


def test_with_all_the_archives_of_this_project_go_and_nothing_else_in_dist(built: Path) -> None:
    cleaned(built, with_archives=True)
    assert entries(built / "dist") == sorted(FOREIGN)


def test_folders_that_are_empty_afterwards_go_too(project: Path) -> None:
    fill(project / "build" / "linux-amd64" / "file")
    fill(project / "dist" / ARCHIVES[0])
    before = {"build", "dist"}
    cleaned(project, with_archives=True)
    assert before.isdisjoint(path.name for path in project.iterdir())


def test_a_dry_run_says_the_same_and_removes_nothing(built: Path) -> None:
    before = entries(built)
    said = cleaned(built, with_archives=True, is_dry_run=True)
    assert said[0] == "would remove build/darwin-arm64 (1.5 MB)"
    assert len(said) == len(PLATFORMS) + 2 * len(ARCHIVES)
    assert entries(built) == before


def test_a_second_time_there_is_nothing_to_remove(built: Path) -> None:
    cleaned(built)
    assert cleaned(built) == ["nothing to remove"]


def test_what_a_link_inside_leads_to_stays(built: Path, tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside" / "precious").parent
    outside.chmod(0o500)
    (built / "build" / "linux-amd64" / "link").symlink_to(outside, target_is_directory=True)
    cleaned(built)
    assert entries(outside) == ["precious"]
    assert outside.stat().st_mode & 0o777 == 0o500
    assert not (built / "build" / "linux-amd64").exists()


@pytest.mark.parametrize("linked", ["build", "build/linux-amd64"])
def test_a_link_in_the_place_of_a_folder_is_refused_before_anything_goes(
    project: Path, tmp_path: Path, linked: str
) -> None:
    outside = fill(tmp_path / "outside" / "linux-amd64" / "precious").parents[1]
    fill(project / "build" / "darwin-arm64" / "file")
    if linked == "build":
        (project / "build").rename(project / "was build")
    (project / linked).symlink_to(outside if linked == "build" else outside / "linux-amd64", target_is_directory=True)
    before = entries(tmp_path)
    with pytest.raises(RequestError, match=f"{linked} is a symbolic link to "):
        cleaned(project)
    assert entries(tmp_path) == before


@pytest.mark.programs
def test_what_git_tracks_is_refused_before_anything_goes(built: Path) -> None:
    for command in (["init", "--quiet"], ["add", "build/linux-amd64"]):
        subprocess.run(["git", *command], cwd=built, check=True, timeout=60)
    before = entries(built / "build")
    with pytest.raises(RequestError, match="git tracks files in build/linux-amd64"):
        cleaned(built)
    assert entries(built / "build") == before


def test_write_protected_folders_go_too(built: Path) -> None:
    folder = built / "build" / "linux-amd64" / "freeze" / "deep"
    (folder / "file").chmod(0o400)
    folder.chmod(0o500)
    folder.parent.chmod(0o500)
    cleaned(built)
    assert not (built / "build" / "linux-amd64").exists()


def test_what_cannot_be_removed_is_told_by_its_name(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", os.fspath(path / "file"))

    monkeypatch.setattr("release_tools.bootstrap.cleaning.shutil.rmtree", refuse)
    with pytest.raises(CleaningError) as caught:
        cleaned(built)
    assert caught.value.what == f"{built / 'build' / 'darwin-arm64' / 'file'} cannot be removed: Permission denied"
