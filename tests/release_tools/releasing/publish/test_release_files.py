from pathlib import Path

import pytest

from release_tools.archives import checksum_path, sha256_of
from release_tools.platforms import PLATFORMS
from release_tools.releasing.errors import ReleaseFilesError
from release_tools.releasing.publish.release_files import expected_archives, find_records, gather_release_files
from tests.release_tools.releasing.subjects import COMMIT, EXECUTABLE, VERSION, make_release_files, write_record


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    return make_release_files(tmp_path / "dist")


def refusal(folder: Path) -> str:
    with pytest.raises(ReleaseFilesError) as caught:
        gather_release_files(EXECUTABLE, VERSION, folder)
    return str(caught.value)


def test_a_release_is_one_archive_and_one_checksum_for_each_platform(dist: Path) -> None:
    files = gather_release_files(EXECUTABLE, VERSION, dist)
    assert [file.platform for file in files] == [platform for platform in PLATFORMS for _ in range(2)]
    assert [file.is_archive for file in files] == [True, False] * 5
    for file in files:
        assert (file.size_bytes, file.sha256) == ((dist / file.name).stat().st_size, sha256_of(dist / file.name))


@pytest.mark.parametrize("name", [*expected_archives(EXECUTABLE, VERSION)])
def test_each_missing_file_is_named(dist: Path, name: str) -> None:
    (dist / name).unlink()
    checksum_path(dist / name).unlink()
    message = refusal(dist)
    assert f"1. {name} is missing" in message
    assert f"2. {name}.sha256 is missing" in message


def test_everything_that_is_wrong_is_listed_at_once(dist: Path) -> None:
    first, second, third, fourth, fifth = (dist / name for name in expected_archives(EXECUTABLE, VERSION))
    first.unlink()
    second.write_bytes(b"")
    third.write_bytes(third.read_bytes()[:-1])
    checksum_path(fourth).write_text(f"{'0' * 64}  {fourth.name}\n", encoding="ascii")
    content = fifth.read_bytes()
    fifth.rename(dist / "elsewhere")
    fifth.symlink_to(dist / "elsewhere")
    (dist / "tiny-dev-linux-amd64.tar.gz").write_bytes(content)
    message = refusal(dist)
    assert f"the release files in {dist}: 7 problems" in message
    assert f"{first.name} is missing" in message
    assert f"{second.name} is empty" in message
    assert f"{third.name}: {third.name}.sha256 says" in message
    assert f"{fourth.name}: {fourth.name}.sha256 says '{'0' * 64}" in message
    assert f"{fifth.name} is missing, or is no plain file" in message
    assert "'elsewhere' does not belong to version 1.2.3" in message
    assert "'tiny-dev-linux-amd64.tar.gz' does not belong" in message


def test_a_folder_that_is_not_there_is_one_problem(tmp_path: Path) -> None:
    assert f"error: the release files in {tmp_path / 'dist'}: there is no such folder" in refusal(tmp_path / "dist")


def test_build_records_may_lie_beside_the_files_and_nothing_else(dist: Path) -> None:
    archive = dist / next(iter(expected_archives(EXECUTABLE, VERSION)))
    write_record(archive, dist / "darwin-arm64" / "record.json")
    write_record(archive, dist / "record.json")
    assert len(gather_release_files(EXECUTABLE, VERSION, dist)) == 10
    (dist / "darwin-arm64" / "notes.txt").touch()
    assert "'darwin-arm64' does not belong" in refusal(dist)


def test_records_are_found_by_the_bytes_that_they_tell_of(dist: Path, tmp_path: Path) -> None:
    files = gather_release_files(EXECUTABLE, VERSION, dist)
    names = [*expected_archives(EXECUTABLE, VERSION)]
    last = write_record(dist / names[4], dist / "windows-amd64" / "record.json")
    first = write_record(dist / names[0], tmp_path / "build" / "darwin-arm64" / "record.json")
    other = tmp_path / "build" / "linux-amd64" / "record.json"
    write_record(dist / names[2], other)
    other.write_text(other.read_text(encoding="utf-8").replace(sha256_of(dist / names[2]), "0" * 64), encoding="utf-8")
    for broken in ("[1]", "not json", '{"sha256": 5}', "[" * 100_000):
        path = tmp_path / "build" / f"broken-{len(broken)}" / "record.json"
        path.parent.mkdir()
        path.write_text(broken, encoding="utf-8")
    assert find_records(tmp_path.rglob("record.json"), files, COMMIT) == (first, last)


@pytest.mark.parametrize(("commit", "verdict"), [("f" * 40, "verified"), (COMMIT, "refused")])
def test_an_archive_whose_record_speaks_against_it_is_refused(dist: Path, commit: str, verdict: str) -> None:
    files = gather_release_files(EXECUTABLE, VERSION, dist)
    write_record(dist / files[0].name, dist / "record.json", commit=commit, verdict=verdict)
    with pytest.raises(ReleaseFilesError, match=f"was made from commit '{commit}' and '{verdict}'"):
        find_records(dist.rglob("record.json"), files, COMMIT)
