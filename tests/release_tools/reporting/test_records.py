import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from release_tools.errors import DuplicateRecordError, RecordError
from release_tools.platforms import PLATFORMS, platform_names
from release_tools.reporting import records
from release_tools.reporting.records import BuildRecord, read_record, read_records, write_record
from tests.release_tools.reporting.sample_records import GOOD, record_of, write_json


def test_written_record_is_read_back(tmp_path: Path) -> None:
    write_record(GOOD, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json") == GOOD


def test_every_field_is_validated() -> None:
    assert {field.name for field in dataclasses.fields(BuildRecord)} == set(records._KEYS)


def test_record_of_older_build_is_read(tmp_path: Path) -> None:
    checks = [{"name": "version", "verdict": "passed", "figure": "tiny 1.2.3", "hint": "", "seconds": 0.5}]
    path = write_json(tmp_path / "record.json", GOOD, start_up_seconds=..., proof=..., checks=checks)
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
        ("proof", {"level": "all", "text": ""}),
        ("proof", {"level": "tests"}),
        ("proof", "tests"),
        ("checks", {}),
        ("checks", ["version"]),
        ("checks", [{"name": "version"}]),
        ("checks", [{"name": "version", "verdict": "great", "figure": ""}]),
        ("checks", [{"name": "a | b", "verdict": "passed", "figure": ""}]),
        ("checks", [{"name": "version", "verdict": "passed", "figure": "\ud800"}]),
        ("checks", [{"name": "version", "verdict": "passed", "figure": "x", "value": "fast"}]),
        ("checks", [{"name": "version", "verdict": "passed", "figure": "x", "notes": "one"}]),
        ("checks", [{"name": "version", "verdict": "failed", "figure": "x", "findings": [{"text": 1}]}]),
        ("sizes", {"tiny": -1}),
    ],
)
def test_invalid_value_is_refused_by_key(tmp_path: Path, key: str, value: Any) -> None:
    path = write_json(tmp_path / "record.json", GOOD, **{key: value})
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert caught.value.path == path
    assert caught.value.reason.startswith(key)
    assert len(caught.value.reason) < 250


@pytest.mark.parametrize("key", sorted(set(records._KEYS) - {"start_up_seconds", "proof", "reused", "schema"}))
def test_missing_key_is_refused(tmp_path: Path, key: str) -> None:
    path = write_json(tmp_path / "record.json", GOOD, **{key: ...})
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert caught.value.reason == f"{key} is missing"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b'{"schema": 1', b"[" * 200_000, b'{"schema": ' + b"9" * 10_000 + b"}", b"[]", b"{}"],
    ids=["empty", "binary", "truncated", "deep", "long number", "list", "no keys"],
)
def test_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(RecordError) as caught:
        read_record(path)
    assert caught.value.path == path


def test_huge_file_is_refused(tmp_path: Path) -> None:
    path = write_json(tmp_path / "record.json", GOOD)
    path.write_bytes(path.read_bytes() + b" " * records.SIZE_LIMIT_BYTES)
    with pytest.raises(RecordError):
        read_record(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError):
        read_record(tmp_path / "record.json")


def test_records_are_sorted_by_version_then_platform(tmp_path: Path) -> None:
    versions = ("1.2.3", "1.10.0", "1.10.0rc1")
    written = [
        write_json(tmp_path / f"{version}-{platform.name}.json", record_of(platform.name, version))
        for version in versions
        for platform in reversed(PLATFORMS)
    ]
    read = read_records(written)
    assert [record.platform for record in read[:5]] == list(platform_names())
    assert list(dict.fromkeys(record.exact_version for record in read)) == ["1.10.0", "1.10.0rc1", "1.2.3"]


def test_duplicate_records_are_refused(tmp_path: Path) -> None:
    first, second = (write_json(tmp_path / name / "record.json", GOOD) for name in ("a", "b"))
    with pytest.raises(DuplicateRecordError) as caught:
        read_records([first, second])
    assert caught.value.paths == (first, second)


def test_unknown_keys_are_ignored(tmp_path: Path) -> None:
    path = write_json(tmp_path / "record.json", GOOD)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "emulator": "one"}), encoding="utf-8")
    assert read_record(path) == GOOD
