from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.freeze.import_order import import_order_path, read_import_order, write_import_order
from release_tools.settings import ReleaseSettings


@pytest.fixture
def with_benchmarks(settings: ReleaseSettings, tmp_path: Path) -> ReleaseSettings:
    return replace(settings, benchmarks=tmp_path)


def test_written_order_is_read(with_benchmarks: ReleaseSettings) -> None:
    path = import_order_path(with_benchmarks)
    assert path
    write_import_order(path, ["tiny_app", "json", "tiny_app.cli"])
    assert read_import_order(with_benchmarks) == ("tiny_app", "json", "tiny_app.cli")


def test_project_without_an_order_has_none(settings: ReleaseSettings, with_benchmarks: ReleaseSettings) -> None:
    assert import_order_path(settings) is None
    assert read_import_order(settings) == read_import_order(with_benchmarks) == ()


def test_edited_order_is_read(with_benchmarks: ReleaseSettings) -> None:
    path = import_order_path(with_benchmarks)
    assert path
    path.write_bytes(b"# comment\r\njson\r\n\r\n  json\r\nno\xffname")
    assert read_import_order(with_benchmarks) == ("json", "no\N{REPLACEMENT CHARACTER}name")
