import importlib
import sys
import zipfile
import zoneinfo
from pathlib import Path

import pytest

from release_tools.archives import sha256_of
from release_tools.freeze.runtime import time_zones
from release_tools.freeze.time_zone_archive import is_time_zone_data, write_time_zone_archive


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


def test_hook_loads_time_zones_from_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_time_zone_archive(tmp_path)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
    for name in [name for name in sys.modules if is_time_zone_data(name)]:
        monkeypatch.delitem(sys.modules, name)
    time_zones.install()
    assert sys.path[-1] == str(archive)
    importlib.invalidate_caches()
    zoneinfo.reset_tzpath(to=[])
    try:
        assert zoneinfo.ZoneInfo.no_cache("Europe/Berlin").key == "Europe/Berlin"
        assert str(archive) in str(sys.modules["tzdata"].__file__)
    finally:
        zoneinfo.reset_tzpath()
        for name in [name for name in sys.modules if is_time_zone_data(name)]:
            del sys.modules[name]
