from pathlib import Path

import pytest

from release_tools.releasing.errors import PublishLockedError
from release_tools.releasing.publish.publish_lock import publish_lock, read_publisher_id

JOB = {"GITHUB_RUN_ID": "17", "GITHUB_JOB": "create-release"}


def test_rerun_of_a_job_keeps_the_publisher_id(tmp_path: Path) -> None:
    for attempt in ("1", "2"):
        with publish_lock(tmp_path / attempt, {**JOB, "GITHUB_RUN_ATTEMPT": attempt}) as publisher_id:
            assert publisher_id == "run-17-create-release"


def test_job_name_cannot_end_the_marker(tmp_path: Path) -> None:
    assert read_publisher_id(tmp_path, {"GITHUB_RUN_ID": "1", "GITHUB_JOB": "a --> <b>\n"}) == "run-1-a_--___b__"


def test_each_folder_keeps_its_own_publisher_id(tmp_path: Path) -> None:
    ids = []
    for folder in ("one", "one", "two"):
        with publish_lock(tmp_path / folder, {}) as publisher_id:
            ids.append(publisher_id)
    assert ids[0] == ids[1] != ids[2]
    assert read_publisher_id(tmp_path / "one", {}) == ids[0]


def test_reading_the_publisher_id_writes_nothing(tmp_path: Path) -> None:
    assert read_publisher_id(tmp_path, {}) is None
    assert list(tmp_path.iterdir()) == []


def test_damaged_publisher_id_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "publisher").write_bytes(b"local-\xff --> x")
    with publish_lock(tmp_path, {}) as publisher_id:
        assert publisher_id == read_publisher_id(tmp_path, {})


def test_second_publisher_is_refused_until_first_ends(tmp_path: Path) -> None:
    with publish_lock(tmp_path, JOB), pytest.raises(PublishLockedError) as caught, publish_lock(tmp_path, JOB):
        pytest.fail("the lock was acquired twice")
    assert caught.value.lock.parent == tmp_path
    with publish_lock(tmp_path, JOB):
        pass
