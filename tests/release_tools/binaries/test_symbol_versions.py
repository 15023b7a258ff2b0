import dataclasses
from pathlib import Path

import pytest

from release_tools.binaries.symbol_versions import RUNTIME_LIBRARIES, runtime_versions, without_newer_runtime
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import GLIBC_FLOORS
from release_tools.verification.static.native_members import check_needed_libraries
from tests.release_tools.verification.static.contexts import findings_of, make_context
from tests.release_tools.verification.static.samples import make_elf


@pytest.fixture
def binaries(tmp_path: Path) -> list[tuple[str, str, str]]:
    newest = {"libstdc++.so.6": "2.38", "libgcc_s.so.1": "2.14", "thing.so": "2.38"}
    for name, version in newest.items():
        (tmp_path / name).write_bytes(make_elf(versions={"libc.so.6": [f"GLIBC_{version}"]}))
    return [(name, str(tmp_path / name), "BINARY") for name in newest]


@pytest.mark.parametrize(("floor", "left_out"), [("2.28", {"libstdc++.so.6"}), ("2.12", set(RUNTIME_LIBRARIES))])
def test_only_runtime_newer_than_the_floor_is_left_out(
    binaries: list[tuple[str, str, str]], floor: str, left_out: set[str]
) -> None:
    assert {*binaries} - {*without_newer_runtime(binaries, floor)} == {one for one in binaries if one[0] in left_out}


@pytest.mark.parametrize("floor", ["2.38", "2.38.0", "2.40", None])
def test_runtime_within_the_floor_is_bundled(binaries: list[tuple[str, str, str]], floor: str | None) -> None:
    assert without_newer_runtime(binaries, floor) == binaries


@pytest.mark.parametrize("floor", GLIBC_FLOORS)
def test_every_floor_has_runtime_versions(floor: str) -> None:
    assert set(runtime_versions(floor)) == {name for names in RUNTIME_LIBRARIES.values() for name in names}


@pytest.mark.parametrize(
    ("floor", "name", "version"),
    [
        ("2.28", "GLIBCXX", (3, 4, 24)),
        ("2.17", "GLIBCXX", (3, 4, 19)),
        ("2.36", "GLIBCXX", (3, 4, 30)),
        ("2.17", "GCC", (4, 8)),
    ],
)
def test_runtime_version_follows_from_the_floor(floor: str, name: str, version: tuple[int, ...]) -> None:
    assert runtime_versions(floor)[name] == version


def test_runtime_may_be_missing_only_with_a_floor(settings: ReleaseSettings) -> None:
    binaries = {"a.so": make_elf(needed=["libstdc++.so.6", "libgcc_s.so.1", "libssl.so.3"])}
    missing = [f"a.so needs {library}" for library in ("libgcc_s.so.1", "libssl.so.3", "libstdc++.so.6")]
    assert findings_of(check_needed_libraries, make_context(settings, binaries=binaries)) == tuple(missing)
    with_floor = dataclasses.replace(settings, glibc_floor="2.28")
    assert findings_of(check_needed_libraries, make_context(with_floor, binaries=binaries)) == (missing[1],)
