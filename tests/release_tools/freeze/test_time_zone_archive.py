import importlib.util
import sys
import zipfile
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from release_tools.archives import sha256_of
from release_tools.freeze.deferred_files import Deferral, Moment
from release_tools.freeze.runtime import on_demand, payload, time_zones
from release_tools.freeze.runtime.unpacking import MARKER
from release_tools.freeze.time_zone_archive import is_time_zone_data, write_time_zone_archive
from tests.release_tools.freeze.executables import run_as, write_executable


@pytest.mark.parametrize("name", ["tzdata", "tzdata.zoneinfo.Europe", "tzdata/zoneinfo/Europe/Berlin", "tzdata\\x"])
def test_modules_and_files_of_tzdata_are_recognized(name: str) -> None:
    assert is_time_zone_data(name)


@pytest.mark.parametrize("name", ["tzdata-2026.6.dist-info/METADATA", "tzlocal", "dateutil/tzdata", "tzdata_extra"])
def test_similar_names_are_not_tzdata(name: str) -> None:
    assert not is_time_zone_data(name)


def test_archive_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, second = write_time_zone_archive(tmp_path), write_time_zone_archive(tmp_path / "other")
    assert sha256_of(first) == sha256_of(second)
    with zipfile.ZipFile(first) as opened:
        assert "tzdata/zoneinfo/Europe/Berlin" in opened.namelist()
        assert "tzdata/zoneinfo/Europe/__init__.py" in opened.namelist()


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An archive to put into a bundle, while no other tzdata can be found."""
    written = write_time_zone_archive(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    for name in [name for name in sys.modules if is_time_zone_data(name)]:
        monkeypatch.delitem(sys.modules, name)
    zoneinfo.reset_tzpath(to=[])
    yield written
    zoneinfo.reset_tzpath()
    for name in [name for name in sys.modules if is_time_zone_data(name)]:
        del sys.modules[name]


@pytest.mark.parametrize("is_unpacked", [False, True], ids=["missing", "unpacked by another process"])
def test_archive_is_unpacked_when_tzdata_is_imported(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_unpacked: bool
) -> None:
    root = tmp_path / "_MEI"
    root.mkdir()
    (root / MARKER).touch()
    unpacked = root / time_zones.ARCHIVE
    if is_unpacked:
        unpacked.write_bytes(archive.read_bytes())
    deferral = Deferral(moments={time_zones.ARCHIVE: Moment.USE}, libraries={})
    contents = {time_zones.ARCHIVE: ("x", archive.read_bytes())}
    run_as(write_executable(tmp_path, monkeypatch, contents, deferral), monkeypatch)
    monkeypatch.setattr(sys, "_MEIPASS", str(root), raising=False)
    monkeypatch.setattr(on_demand, "unpackers", [on_demand.FilesOnDemand(str(root), payload.read_table())])
    time_zones.install()
    assert importlib.util.find_spec("json")
    assert unpacked.exists() == is_unpacked
    assert zoneinfo.ZoneInfo.no_cache("Europe/Berlin").key == "Europe/Berlin"
    assert unpacked.read_bytes() == archive.read_bytes()
    assert sys.path[-1] == str(unpacked)
    assert str(unpacked) in str(sys.modules["tzdata"].__file__)
