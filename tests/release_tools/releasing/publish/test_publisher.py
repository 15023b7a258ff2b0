from pathlib import Path

import pytest

from release_tools.releasing.errors import PublisherRunningError
from release_tools.releasing.publish.publisher import known_publisher, only_publisher

RUN = {"GITHUB_RUN_ID": "17", "GITHUB_JOB": "create-release"}


def test_a_job_on_github_keeps_its_name_when_it_is_started_again(tmp_path: Path) -> None:
    for attempt in ("1", "2"):
        with only_publisher(tmp_path / attempt, {**RUN, "GITHUB_RUN_ATTEMPT": attempt}) as name:
            assert name == "run-17-create-release"


def test_the_name_of_a_job_cannot_break_out_of_the_marker(tmp_path: Path) -> None:
    assert known_publisher(tmp_path, {"GITHUB_RUN_ID": "1", "GITHUB_JOB": "a --> <b>\n"}) == "run-1-a_--___b__"


def test_elsewhere_a_folder_keeps_its_name_and_no_other_folder_has_it(tmp_path: Path) -> None:
    names = []
    for folder in ("one", "one", "two"):
        with only_publisher(tmp_path / folder, {}) as name:
            names.append(name)
    assert names[0] == names[1] != names[2]
    assert known_publisher(tmp_path / "one", {}) == names[0]


def test_to_look_who_publishes_leaves_nothing_behind(tmp_path: Path) -> None:
    assert known_publisher(tmp_path, {}) is None
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_name_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "publisher").write_bytes(b"local-\xff --> x")
    with only_publisher(tmp_path, {}) as name:
        assert name.startswith("local-")
        assert len(name) == 38


def test_a_second_publisher_in_the_same_folder_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with (
        only_publisher(tmp_path, RUN),
        pytest.raises(PublisherRunningError, match="another `invoke publish` is running in this folder"),
        only_publisher(tmp_path, RUN),
    ):
        pytest.fail("two publishers of one name")
    with only_publisher(tmp_path, RUN) as name:
        assert name == "run-17-create-release"
