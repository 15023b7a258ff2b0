import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from release_tools.errors import RecordError, RepeatedRecordError
from release_tools.platforms import PLATFORMS, platform_names
from release_tools.reporting import records
from release_tools.reporting.records import BuildRecord, read_record, read_records, write_record
from tests.release_tools.reporting.records_of_builds import GOOD, record_of, write_json


def test_what_a_build_writes_is_read_as_it_was(tmp_path: Path) -> None:
    write_record(GOOD, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == GOOD


def test_every_field_of_a_record_has_its_rule() -> None:
    assert {field.name for field in dataclasses.fields(BuildRecord)} == set(records._KEYS)


def test_a_record_of_before_start_up_was_a_number_is_read(tmp_path: Path) -> None:
    checks = [{"name": "version", "verdict": "passed", "figure": "tiny 1.2.3", "hint": "", "seconds": 0.5}]
    path = write_json(tmp_path / "record.json", GOOD, start_up_seconds=..., checks=checks)
    assert read_record(path).start_up_seconds is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", 2),
        ("schema", True),
        ("schema", "1"),
        ("app", "tiny\n# heading"),
        ("app", "<script>"),
        ("platform", "plan9-amd64"),
        ("platform", ["linux-amd64"]),
        ("version", "v1.2.3 | x"),
        ("version", None),
        ("exact_version", "one"),
        ("exact_version", "1." + "9" * 200),
        ("exact_version", "1.2.3\n"),
        ("commit", "HEAD"),
        ("python", "3.13.9 <b>"),
        ("archive", "../tiny.tar.gz"),
        ("archive_bytes", -1),
        ("archive_bytes", 1.5),
        ("archive_bytes", True),
        ("archive_bytes", 10**400),
        ("executable_bytes", "7"),
        ("sha256", "AB" * 32),
        ("verdict", "fine"),
        ("stages", {"freeze": "long"}),
        ("stages", {"| x |": 1.0}),
        ("stages", [1.0]),
        ("start_up_seconds", float("nan")),
        ("start_up_seconds", float("inf")),
        ("checks", {}),
        ("checks", ["version"]),
        ("checks", [{"name": "version"}]),
        ("checks", [{"name": "version", "verdict": "great", "figure": ""}]),
        ("checks", [{"name": "a | b", "verdict": "passed", "figure": ""}]),
        ("checks", [{"name": "version", "verdict": "passed", "figure": "\ud800"}]),
        ("checks", [{"name": "version", "verdict": "passed", "figure": "x", "value": "fast"}]),
        ("sizes", {"tiny": -1}),
    ],
)
def test_a_record_with_a_wrong_value_is_refused_by_its_file_and_key(tmp_path: Path, key: str, value: Any) -> None:
    path = write_json(tmp_path / "record.json", GOOD, **{key: value})
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert caught.value.what.startswith(f"{path}: {key} is ")
    assert len(caught.value.what) < len(str(path)) + 250


@pytest.mark.parametrize("key", sorted(set(records._KEYS) - {"start_up_seconds", "schema"}))
def test_a_record_that_lacks_something_is_refused_by_its_file_and_key(tmp_path: Path, key: str) -> None:
    path = write_json(tmp_path / "record.json", GOOD, **{key: ...})
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert caught.value.what == f"{path}: {key} is missing"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not JSON: "),
        (b"\xff\xfe", "is not JSON: "),
        (b'{"schema": 1', "is not JSON: "),
        (b"[" * 200_000, "is not JSON: "),
        (b'{"schema": ' + b"9" * 10_000 + b"}", "is not JSON: "),
        (b"[]", "holds no JSON object"),
        (b"{}", "schema is None, and this version reads 1"),
        (b" " * 2_000_001, "is larger than 2,000,000 bytes"),
    ],
    ids=["empty", "no text", "cut off", "deep", "long number", "a list", "nothing", "large"],
)
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert caught.value.what.startswith(f"{path}: {why}")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read: No such file or directory"):
        read_record(tmp_path / "record.json")


def test_records_come_newest_first_and_in_the_order_of_the_platforms(tmp_path: Path) -> None:
    versions = ("1.2.3", "1.10.0", "1.10.0rc1")
    written = [
        write_json(tmp_path / f"{version}-{platform.name}.json", record_of(platform.name, version))
        for version in versions
        for platform in reversed(PLATFORMS)
    ]
    read = read_records(written)
    assert [record.platform for record in read[:5]] == list(platform_names())
    assert list(dict.fromkeys(record.exact_version for record in read)) == ["1.10.0", "1.10.0rc1", "1.2.3"]


def test_two_records_of_one_build_are_refused_with_both_names(tmp_path: Path) -> None:
    first, second = (write_json(tmp_path / name / "record.json", GOOD) for name in ("a", "b"))
    with pytest.raises(RepeatedRecordError) as caught:
        read_records([first, second])
    assert caught.value.what == f"1.2.3 for linux-amd64 stands in 2 records: {first}, {second}"


def test_keys_that_a_later_build_adds_are_passed_over(tmp_path: Path) -> None:
    path = write_json(tmp_path / "record.json", GOOD)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "emulator": "one"}), encoding="utf-8")
    assert read_record(path) == GOOD
