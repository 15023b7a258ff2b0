from pathlib import Path

import pytest

from release_tools.errors import RecordError
from release_tools.releasing.errors import ReleaseFilesError
from release_tools.releasing.publish.local_release import find_records
from release_tools.releasing.publish.release_files import ReleaseFile, expected_archives, gather_release_files
from tests.release_tools.releasing.sample_release import COMMIT, EXECUTABLE, VERSION, make_release_files, write_record

ARCHIVES = tuple(expected_archives(EXECUTABLE, VERSION))


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    return make_release_files(tmp_path / "dist")


@pytest.fixture
def files(dist: Path) -> tuple[ReleaseFile, ...]:
    return gather_release_files(EXECUTABLE, VERSION, dist)


def test_records_are_found_by_digest(dist: Path, files: tuple[ReleaseFile, ...], tmp_path: Path) -> None:
    write_record(dist / ARCHIVES[4], dist / "windows-amd64" / "record.json")
    write_record(dist / ARCHIVES[0], tmp_path / "build" / "darwin-arm64" / "record.json")
    write_record(dist / ARCHIVES[2], tmp_path / "build" / "linux-amd64" / "record.json", sha256="0" * 64)
    for number, broken in enumerate(("[1]", "not json", '{"sha256": 5}', "[" * 100_000)):
        path = tmp_path / "build" / f"broken-{number}" / "record.json"
        path.parent.mkdir()
        path.write_text(broken, encoding="utf-8")
    records = find_records(dist, tmp_path / "build", files, COMMIT)
    assert [record.archive for record in records] == [ARCHIVES[0], ARCHIVES[4]]


def test_damaged_record_of_an_archive_is_refused(dist: Path, files: tuple[ReleaseFile, ...]) -> None:
    write_record(dist / ARCHIVES[0], dist / "record.json", app="<b>")
    with pytest.raises(RecordError):
        find_records(dist, dist / "build", files, COMMIT)


@pytest.mark.parametrize("change", [{"commit": "f" * 40}, {"verdict": "refused"}], ids=["other commit", "failed"])
def test_unrelated_or_failed_record_is_refused(
    dist: Path, files: tuple[ReleaseFile, ...], change: dict[str, str]
) -> None:
    write_record(dist / ARCHIVES[0], dist / "record.json", **change)
    with pytest.raises(ReleaseFilesError) as caught:
        find_records(dist, dist / "build", files, COMMIT)
    [problem] = caught.value.problems
    assert problem.what.startswith(ARCHIVES[0])
