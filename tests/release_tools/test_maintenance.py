from pathlib import Path

import pytest

from release_tools import maintenance
from release_tools.errors import RequestError


def test_a_report_without_a_record_is_refused_before_any_work(project: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError) as caught:
        maintenance.report(project, [tmp_path / "missing.json", tmp_path / "empty"], None)
    assert [problem.what for problem in caught.value.problems] == [
        f"there is no build record at {tmp_path / 'missing.json'}",
        f"there is no build record at {tmp_path / 'empty'}",
    ]
    assert not (project / "build").exists()


def test_records_are_found_in_a_folder_as_builds_and_downloads_lay_them(tmp_path: Path) -> None:
    wanted = [tmp_path / "linux-amd64" / "record.json", tmp_path / "record.json", tmp_path / "windows-record.json"]
    for path in (*wanted, tmp_path / "linux-amd64" / "other.json", tmp_path / "a" / "b" / "record.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert maintenance._records_at(tmp_path) == wanted
