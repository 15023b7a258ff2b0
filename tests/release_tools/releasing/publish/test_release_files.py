from pathlib import Path

import pytest

from release_tools.archives import checksum_path, sha256_of
from release_tools.platforms import PLATFORMS
from release_tools.releasing.errors import ReleaseFilesError
from release_tools.releasing.publish.release_files import expected_archives, expected_files, gather_release_files
from tests.release_tools.releasing.sample_release import EXECUTABLE, VERSION, make_release_files, write_record

ARCHIVES = tuple(expected_archives(EXECUTABLE, VERSION))


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    return make_release_files(tmp_path / "dist")


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(ReleaseFilesError) as caught:
        gather_release_files(EXECUTABLE, VERSION, folder)
    assert caught.value.folder == folder
    return [problem.what for problem in caught.value.problems]


def test_release_has_archive_and_checksum_per_platform(dist: Path) -> None:
    files = gather_release_files(EXECUTABLE, VERSION, dist)
    assert [file.name for file in files] == expected_files(EXECUTABLE, VERSION)
    assert [file.platform for file in files] == [platform for platform in PLATFORMS for _ in range(2)]
    assert [file.is_archive for file in files] == [True, False] * 5
    for file in files:
        assert (file.size_bytes, file.sha256) == ((dist / file.name).stat().st_size, sha256_of(dist / file.name))


@pytest.mark.parametrize("name", ARCHIVES)
def test_missing_files_are_named(dist: Path, name: str) -> None:
    (dist / name).unlink()
    checksum_path(dist / name).unlink()
    archive, checksum = problems_of(dist)
    assert archive.startswith(f"{name} ")
    assert checksum.startswith(f"{name}.sha256 ")


def test_all_problems_are_reported_together(dist: Path) -> None:
    missing, empty, truncated, mismatched, linked = (dist / name for name in ARCHIVES)
    missing.unlink()
    empty.write_bytes(b"")
    truncated.write_bytes(truncated.read_bytes()[:-1])
    checksum_path(mismatched).write_text(f"{'0' * 64}  {mismatched.name}\n", encoding="ascii")
    content = linked.read_bytes()
    linked.rename(dist / "elsewhere")
    linked.symlink_to(dist / "elsewhere")
    (dist / "tiny-dev-linux-amd64.tar.gz").write_bytes(content)
    names = [*ARCHIVES, "elsewhere", "tiny-dev-linux-amd64.tar.gz"]
    found = problems_of(dist)
    assert len(found) == len(names)
    assert all(name in what for name, what in zip(names, found, strict=True))


def test_missing_folder_is_one_problem(tmp_path: Path) -> None:
    assert len(problems_of(tmp_path / "dist")) == 1


def test_only_build_records_may_accompany_the_files(dist: Path) -> None:
    archive = dist / ARCHIVES[0]
    write_record(archive, dist / "darwin-arm64" / "record.json")
    write_record(archive, dist / "record.json")
    assert len(gather_release_files(EXECUTABLE, VERSION, dist)) == 10
    (dist / "darwin-arm64" / "notes.txt").touch()
    [problem] = problems_of(dist)
    assert "darwin-arm64" in problem
