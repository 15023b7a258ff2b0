from pathlib import Path

import pytest

from release_tools.archives import checksum_path, sha256_of
from release_tools.errors import RecordError
from release_tools.platforms import PLATFORMS
from release_tools.releasing.errors import ReleaseFilesError
from release_tools.releasing.publish.release_files import (
    expected_archives,
    expected_files,
    find_records,
    gather_release_files,
)
from tests.release_tools.releasing.sample_release import COMMIT, EXECUTABLE, VERSION, make_release_files, write_record

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


def test_records_are_found_by_digest(dist: Path, tmp_path: Path) -> None:
    files = gather_release_files(EXECUTABLE, VERSION, dist)
    write_record(dist / ARCHIVES[4], dist / "windows-amd64" / "record.json")
    write_record(dist / ARCHIVES[0], tmp_path / "build" / "darwin-arm64" / "record.json")
    write_record(dist / ARCHIVES[2], tmp_path / "build" / "linux-amd64" / "record.json", sha256="0" * 64)
    for number, broken in enumerate(("[1]", "not json", '{"sha256": 5}', "[" * 100_000)):
        path = tmp_path / "build" / f"broken-{number}" / "record.json"
        path.parent.mkdir()
        path.write_text(broken, encoding="utf-8")
    records = find_records(tmp_path.rglob("record.json"), files, COMMIT)
    assert [record.archive for record in records] == [ARCHIVES[0], ARCHIVES[4]]


def test_damaged_record_of_an_archive_is_refused(dist: Path) -> None:
    write_record(dist / ARCHIVES[0], dist / "record.json", app="<b>")
    with pytest.raises(RecordError):
        find_records(dist.rglob("record.json"), gather_release_files(EXECUTABLE, VERSION, dist), COMMIT)


@pytest.mark.parametrize(("commit", "verdict"), [("f" * 40, "verified"), (COMMIT, "refused")])
def test_record_of_other_commit_or_failed_build_is_refused(dist: Path, commit: str, verdict: str) -> None:
    files = gather_release_files(EXECUTABLE, VERSION, dist)
    write_record(dist / ARCHIVES[0], dist / "record.json", commit=commit, verdict=verdict)
    with pytest.raises(ReleaseFilesError) as caught:
        find_records(dist.rglob("record.json"), files, COMMIT)
    [problem] = caught.value.problems
    assert all(part in problem.what for part in (ARCHIVES[0], commit, verdict))
